"""The table of settings for both READMEs, from `protocol.keys` and the Chinese meanings that stand here."""

from typing import Final

from protocol.keys import KEYS

_HEADS: Final = {
    "en": ("Key", "For", "Default", "Meaning"),
    "zh": ("键", "读取者", "默认值", "含义"),
}
_OWNERS: Final = {
    "en": {"coordinator": "coordinator", "node": "node", "both": "both"},
    "zh": {"coordinator": "协调器", "node": "节点", "both": "两者"},
}
MEANINGS: Final = {
    "NODE_ENV": "development 或 production；决定读取 .env 还是 .env.production",
    "API_HOST": "监听地址",
    "API_PORT": "监听端口",
    "PORT": "API_PORT 的别名",
    "API_DEBUG": "热重载与文本日志；生产环境拒绝启用",
    "MAX_WORKERS": "同时进行的探测与缩略图数量",
    "TASK_TIMEOUT": "一次执行允许毫无进展的毫秒数",
    "API_BASE_URL": "用户看到的链接的来源；默认 http://API_HOST:API_PORT",
    "FRONTEND_URL": "CORS 允许的来源，逗号分隔",
    "INTERFACE_IDENTIFICATION": "节点注册时出示的字符串",
    "JWT_SECRET": "令牌与所存节点密钥的密钥",
    "JWT_EXPIRES_IN": "登录有效期：秒数，或带 s、m、h、d 的数字",
    "DB_NAME": "数据库名",
    "DB_USER": "数据库用户",
    "DB_PASSWORD": "数据库密码",
    "DB_HOST": "数据库主机；为空则使用 SQLite",
    "UPLOAD_VIDEOS_DIR": "视频目录；相对于 SEGFLEET_HOME",
    "UPLOAD_URL_PATH": "链接中视频的路径",
    "UPLOAD_BACKGROUNDS_DIR": "背景目录；相对于 SEGFLEET_HOME",
    "UPLOAD_BACKGROUNDS_URL_PATH": "链接中背景的路径",
    "UPLOAD_FILE_SIZE_LIMIT": "单个上传文件的上限（MB）",
    "DATABASE_URL": "SQLAlchemy 地址；优先于 DB_*",
    "DB_DIALECT": "与 DB_HOST 一起使用：mysql 或 postgresql",
    "DB_PORT": "数据库端口；为空则用该数据库的默认端口",
    "SEGFLEET_HOME": "数据库、上传、结果、节点身份",
    "SEGFLEET_CACHE": "模型与示例；默认为用户缓存目录",
    "ADMIN_USERNAME": "首位管理员",
    "ADMIN_PASSWORD": "其密码；为空则自动生成并保存在 SEGFLEET_HOME/admin-password",
    "LOG_LEVEL": "DEBUG、INFO、WARNING 或 ERROR",
    "LOG_FORMAT": "json 或 text",
    "LOG_FILE": "写入该文件，而不是标准错误输出",
    "LEASE_S": "一次执行没有任何消息时还能存活的秒数",
    "HEARTBEAT_INTERVAL": "空闲节点两次心跳之间的秒数",
    "MAX_ATTEMPTS": "失败这么多次后，步骤不再尝试",
    "MAX_LOSSES": "丢失这么多次后，步骤不再尝试",
    "SEGMENT_SECONDS": "长视频每一段的秒数",
    "DEFAULT_MODEL": "任务未指定模型时使用的模型",
    "INTERFACE_APPROVAL": "manual 或 auto；生产环境默认 manual，开发环境默认 auto",
    "INTERFACE_NETWORKS": "允许调用的节点所在网络；默认除链路本地地址外全部允许",
    "REGISTRATION": "open 或 closed；生产环境默认 closed，开发环境默认 open",
    "RATE_LIMIT": "请求频率：登录前按地址计，登录后按用户计",
    "TRUSTED_PROXIES": "其 X-Forwarded-* 请求头可信的网络",
    "WEBHOOK_NETWORKS": "除公网地址外，webhook 还可访问的网络",
    "METRICS_TOKEN": "从其他机器读取 /api/v1/metrics 所用的令牌",
    "USER_STORAGE_MB": "每个用户的存储空间；0 表示不限",
    "USER_MAX_WAITING": "每个用户的等待任务数",
    "QUEUE_SIZE": "等待任务总数",
    "UPLOAD_DAYS": "未使用的上传保留天数",
    "RESULT_DAYS": "结果保留天数",
    "RETAIN_PARTS_HOURS": "已结束任务的分段保留小时数",
    "DISK_FREE_MIN_MB": "磁盘剩余低于此值时拒绝上传",
    "COORDINATOR_URL": "节点要加入的协调器",
    "NODE_ADDRESS": "协调器调用节点的地址；为空则由节点主动领取任务",
    "NODE_HOST": "节点监听地址",
    "NODE_PORT": "节点监听端口",
    "NODE_SLOTS": "同时执行的数量",
    "NODE_DEVICE": "auto、cpu、cuda 或 cuda:0,1",
    "NODE_ISOLATION": "每个槽位在子进程中运行，坏文件只会终止子进程",
    "NODE_NAME": "列表中的名称；默认为主机名",
    "NODE_DRAIN_SECONDS": "收到 SIGTERM 后用于收尾的秒数",
    "MODEL_LOAD_TIMEOUT": "加载模型允许的秒数",
    "ALLOW_INSECURE_COORDINATOR": "生产环境下允许以明文 http 连接公网地址",
}
"""Chinese meanings; a key without one breaks the table, and so the test that looks at it."""


def table(language: str) -> str:
    """All keys as a Markdown table, in `en` or `zh`."""
    heads, owners = _HEADS[language], _OWNERS[language]
    rows = [
        (f"`{name}`", owners[key.owner], f"`{key.default}`" if key.default else "", meaning)
        for name, key in KEYS.items()
        for meaning in [key.meaning if language == "en" else MEANINGS[name]]
    ]
    return "\n".join(f"| {' | '.join(row)} |".replace("|  |", "| |") for row in (heads, ("---",) * len(heads), *rows))
