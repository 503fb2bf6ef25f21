"""Every error that the API answers: a stable code, its HTTP status, and its title in English and Chinese (RFC 9457)."""

from typing import Any, Final, NamedTuple

from pydantic import Field

from protocol.base import WireModel


class Kind(NamedTuple):
    """One kind of problem; the key in `PROBLEMS` is the `code` that programs match on."""

    status: int
    en: str
    zh: str


class FieldError(WireModel):
    """One wrong place in a request body: a JSON pointer and what is wrong there."""

    pointer: str
    code: str
    detail: str = ""


class Problem(WireModel):
    """An `application/problem+json` body. `type` is `/problems#code`; `params` fill the translated sentence."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    instance: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    errors: tuple[FieldError, ...] = ()


PROBLEMS: Final[dict[str, Kind]] = {
    # requests
    "invalid_request": Kind(422, "The request is not valid", "请求无效"),
    "broken_json": Kind(400, "The body is not valid JSON", "请求体不是有效的 JSON"),
    "invalid_cursor": Kind(422, "The cursor is not one of ours", "分页游标无效"),
    "not_found": Kind(404, "There is no such thing", "对象不存在"),
    "method_not_allowed": Kind(405, "This method is not allowed here", "不支持该请求方法"),
    "too_large": Kind(413, "The body is larger than allowed", "请求体超出大小限制"),
    "stalled": Kind(408, "The body stopped arriving", "上传中断超时"),
    "unsupported_media_type": Kind(415, "This content type is not understood here", "不支持的内容类型"),
    "rate_limited": Kind(429, "Too many requests", "请求过于频繁"),
    "idempotency_mismatch": Kind(422, "This Idempotency-Key was used with another body", "该幂等键已用于不同的请求体"),
    # resumable uploads
    "tus_version": Kind(412, "Only tus 1.0.0 is spoken here", "此处仅支持 tus 1.0.0"),
    "upload_locked": Kind(423, "Another request is just writing this upload", "该上传正被另一请求写入"),
    "upload_gone": Kind(410, "This upload has expired or was removed", "该上传已过期或已被删除"),
    "checksum_mismatch": Kind(460, "The piece does not have this checksum", "分片校验和不匹配"),
    "unsupported_checksum": Kind(400, "This checksum is not understood", "不支持的校验和"),
    "too_many_uploads": Kind(429, "You have too many unfinished uploads", "您的未完成上传过多"),
    # accounts
    "unauthorized": Kind(401, "Log in first", "请先登录"),
    "invalid_credentials": Kind(401, "Wrong username or password", "用户名或密码错误"),
    "token_expired": Kind(401, "The session has expired", "会话已过期"),
    "token_revoked": Kind(401, "The session was ended", "会话已被撤销"),
    "invalid_token": Kind(401, "The token is not valid", "令牌无效"),
    "csrf_refused": Kind(403, "The request did not come from our own page", "请求并非来自本站页面"),
    "insecure_site": Kind(403, "Logging in on the pages needs https here", "在此地址登录页面需要 https"),
    "forbidden": Kind(403, "This needs an administrator", "需要管理员权限"),
    "loopback_only": Kind(403, "Until secrets are set only this machine is served", "密钥配置前仅限本机访问"),
    "registration_closed": Kind(403, "Registration is closed", "注册已关闭"),
    "account_disabled": Kind(403, "This account is disabled", "账号已停用"),
    "username_taken": Kind(409, "This username is taken", "用户名已被占用"),
    "last_admin": Kind(409, "The last administrator cannot be removed", "不能移除最后一位管理员"),
    "weak_password": Kind(422, "The password must have 12 to 256 bytes", "密码长度须为 12 到 256 字节"),
    "busy_hashing": Kind(503, "Too many logins at once; try again in a moment", "登录请求过多，请稍后再试"),
    # media
    "empty_file": Kind(422, "The file is empty", "文件为空"),
    "truncated_upload": Kind(400, "The upload ended before the file did", "上传未完成即中断"),
    "not_a_video": Kind(422, "The file is not a video", "该文件不是视频"),
    "no_frames": Kind(422, "The video has no frames", "视频不包含任何帧"),
    "unsupported_container": Kind(422, "This kind of file is not accepted", "不接受该类型的文件"),
    "broken_media": Kind(422, "The file is damaged", "文件已损坏"),
    "media_too_large": Kind(422, "The picture is larger than allowed", "画面尺寸超出限制"),
    "media_too_long": Kind(422, "The video is longer than allowed", "视频时长超出限制"),
    "too_many_streams": Kind(422, "The file has more streams than allowed", "文件的流数量超出限制"),
    "not_an_image": Kind(422, "The file is not a JPEG, PNG or WebP picture", "该文件不是 JPEG、PNG 或 WebP 图片"),
    "probe_timeout": Kind(422, "The file took too long to examine", "文件检测超时"),
    "in_use": Kind(409, "A live task still uses this file", "该文件正被任务使用"),
    "quota_exceeded": Kind(413, "Your storage is full", "存储空间已用完"),
    "disk_full": Kind(507, "The server has no room for more files", "服务器存储空间不足"),
    "link_expired": Kind(403, "This link has expired or is not valid", "链接已失效"),
    "range_not_satisfiable": Kind(416, "This range is not in the file", "请求的范围不存在"),
    # tasks
    "wrong_state": Kind(409, "The task is in a state that does not allow this", "任务当前状态不允许该操作"),
    "unknown_model": Kind(422, "No node ever offered this model", "未知模型"),
    "unsupported_background": Kind(422, "This background does not go with these outputs", "该背景与所选输出不兼容"),
    "unsupported_output": Kind(422, "This output is not supported", "不支持该输出类型"),
    "source_gone": Kind(409, "The source of this task was removed", "任务的源文件已被删除"),
    "not_submitted": Kind(409, "The task was never submitted", "任务从未提交"),
    "too_many_waiting": Kind(429, "You have too many waiting tasks", "您的等待任务过多"),
    "queue_full": Kind(503, "The queue is full", "队列已满"),
    "result_not_ready": Kind(404, "There is no such result yet", "结果尚未生成"),
    "attempts_exhausted": Kind(500, "The task failed on every try", "任务多次尝试均失败"),
    # interfaces
    "bad_cluster_string": Kind(401, "The cluster string is wrong", "接口认证字符串错误"),
    "bad_signature": Kind(401, "The signature is missing or wrong", "签名缺失或错误"),
    "clock_skew": Kind(401, "The timestamp is too far from this server's time", "时间戳偏差过大"),
    "unsupported_protocol": Kind(422, "This protocol version is not supported", "不支持的协议版本"),
    "duplicate_identity": Kind(409, "Two nodes use one identity", "两个节点使用了同一身份"),
    "revoked": Kind(403, "This node was revoked", "该节点已被吊销"),
    "interface_state": Kind(409, "The node is in a state that does not allow this", "节点当前状态不允许该操作"),
    "address_refused": Kind(422, "This address may not be called", "该地址不允许被调用"),
    "gone": Kind(410, "This attempt is over", "该次执行已结束"),
    "wrong_offset": Kind(409, "The piece does not start where the file ends", "分片起始位置不正确"),
    "artifact_too_large": Kind(413, "The artifact is larger than it can be", "产物大小超出上限"),
    "artifact_mismatch": Kind(422, "The uploaded bytes are not what was reported", "上传内容与报告不一致"),
    "node_busy": Kind(409, "The node has no free slot", "节点没有空闲槽位"),
    # the service itself
    "overloaded": Kind(503, "The service is overloaded", "服务过载"),
    "storage_unavailable": Kind(503, "The database did not answer", "数据库无响应"),
    "internal": Kind(500, "Something broke on our side", "服务器内部错误"),
}


def title(code: str, language: str = "en") -> str:
    """The title of a code in `en` or `zh`."""
    kind = PROBLEMS[code]
    return kind.zh if language == "zh" else kind.en
