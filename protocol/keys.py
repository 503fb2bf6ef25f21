"""The settings of both programs in one list, so that a misspelt key in `.env` stops the start."""

from typing import Final, Literal, NamedTuple

Owner = Literal["coordinator", "node", "both"]


class Key(NamedTuple):
    """One setting: who reads it, its default in words, and what it means."""

    owner: Owner
    default: str
    meaning: str


KEYS: Final[dict[str, Key]] = {
    # names that the product started with
    "NODE_ENV": Key("both", "development", "development or production; chooses .env or .env.production"),
    "API_HOST": Key("coordinator", "127.0.0.1", "address to listen on"),
    "API_PORT": Key("coordinator", "6001", "port to listen on"),
    "PORT": Key("coordinator", "", "another name of API_PORT"),
    "API_DEBUG": Key("coordinator", "false", "reload and text logs; refused in production"),
    "MAX_WORKERS": Key("coordinator", "2", "probes and thumbnails at once"),
    "TASK_TIMEOUT": Key("both", "300000", "milliseconds that an attempt may stand still"),
    "API_BASE_URL": Key("coordinator", "", "origin of links that people see; default http://API_HOST:API_PORT"),
    "FRONTEND_URL": Key("coordinator", "", "comma-separated origins allowed by CORS"),
    "INTERFACE_IDENTIFICATION": Key("both", "wingerboy", "the string that nodes register with"),
    "JWT_SECRET": Key("coordinator", "your-secret-key", "key of tokens and of stored node secrets"),
    "JWT_EXPIRES_IN": Key("coordinator", "7d", "life of a login: seconds, or a number with s, m, h or d"),
    "DB_NAME": Key("coordinator", "video_segment", "database name"),
    "DB_USER": Key("coordinator", "root", "database user"),
    "DB_PASSWORD": Key("coordinator", "", "database password"),
    "DB_HOST": Key("coordinator", "", "database host; empty means SQLite"),
    "UPLOAD_VIDEOS_DIR": Key("coordinator", "uploads/videos", "videos; relative to SEGFLEET_HOME"),
    "UPLOAD_URL_PATH": Key("coordinator", "videos", "path of videos in links"),
    "UPLOAD_BACKGROUNDS_DIR": Key("coordinator", "uploads/backgrounds", "backgrounds; relative to SEGFLEET_HOME"),
    "UPLOAD_BACKGROUNDS_URL_PATH": Key("coordinator", "backgrounds", "path of backgrounds in links"),
    "UPLOAD_FILE_SIZE_LIMIT": Key("coordinator", "100", "largest upload in MB"),
    # ours
    "DATABASE_URL": Key("coordinator", "", "SQLAlchemy URL; wins over DB_*"),
    "DB_DIALECT": Key("coordinator", "mysql", "mysql or postgresql, with DB_HOST"),
    "DB_PORT": Key("coordinator", "", "database port; empty means the dialect's own"),
    "SEGFLEET_HOME": Key("both", "./var", "database, uploads, results, node identity"),
    "SEGFLEET_CACHE": Key("both", "", "models and samples; default is the user's cache directory"),
    "ADMIN_USERNAME": Key("coordinator", "admin", "first administrator"),
    "ADMIN_PASSWORD": Key(
        "coordinator", "", "its password; empty: one is made and kept in SEGFLEET_HOME/admin-password"
    ),
    "LOG_LEVEL": Key("both", "INFO", "DEBUG, INFO, WARNING or ERROR"),
    "LOG_FORMAT": Key("both", "json", "json or text"),
    "LOG_FILE": Key("both", "", "file to log to instead of standard error"),
    "LEASE_S": Key("coordinator", "30", "seconds that an attempt lives without a sign"),
    "HEARTBEAT_INTERVAL": Key("coordinator", "60", "seconds between heartbeats of an idle node"),
    "MAX_ATTEMPTS": Key("coordinator", "3", "failures after which a step is dead"),
    "MAX_LOSSES": Key("coordinator", "12", "lost attempts after which a step is dead"),
    "SEGMENT_SECONDS": Key("coordinator", "10", "length of a segment of a long video"),
    "DEFAULT_MODEL": Key("coordinator", "selfie", "model of a task that names none"),
    "INTERFACE_APPROVAL": Key("coordinator", "", "manual or auto; default manual in production, auto in development"),
    "INTERFACE_NETWORKS": Key("coordinator", "", "networks whose nodes may be called; default all but link-local"),
    "REGISTRATION": Key("coordinator", "", "open or closed; default closed in production, open in development"),
    "RATE_LIMIT": Key("coordinator", "600/minute", "requests per address before login and per user after"),
    "TRUSTED_PROXIES": Key("coordinator", "", "networks whose X-Forwarded-* headers count"),
    "WEBHOOK_NETWORKS": Key("coordinator", "", "networks that webhooks may reach beside public addresses"),
    "METRICS_TOKEN": Key("coordinator", "", "bearer token of /api/v1/metrics off loopback"),
    "USER_STORAGE_MB": Key("coordinator", "0", "storage per user; 0 means no bound"),
    "USER_MAX_WAITING": Key("coordinator", "1000", "waiting tasks per user"),
    "QUEUE_SIZE": Key("coordinator", "1000000", "waiting tasks in all"),
    "UPLOAD_DAYS": Key("coordinator", "30", "days that an unused upload is kept"),
    "RESULT_DAYS": Key("coordinator", "30", "days that a result is kept"),
    "RETAIN_PARTS_HOURS": Key("coordinator", "72", "hours that parts of an ended task are kept"),
    "DISK_FREE_MIN_MB": Key("coordinator", "1024", "below this much free disk uploads are refused"),
    "COORDINATOR_URL": Key("node", "http://127.0.0.1:6001", "the coordinator that a node joins"),
    "NODE_ADDRESS": Key("node", "", "what the coordinator calls; empty: the node asks for work"),
    "NODE_HOST": Key("node", "127.0.0.1", "address that a node listens on"),
    "NODE_PORT": Key("node", "6002", "port that a node listens on"),
    "NODE_SLOTS": Key("node", "1", "attempts at once"),
    "NODE_DEVICE": Key("node", "auto", "auto, cpu, cuda, or cuda:0,1"),
    "NODE_ISOLATION": Key("node", "true", "run each slot in a child process, which a file may kill without the node"),
    "NODE_NAME": Key("node", "", "name in lists; default is the host's name"),
    "NODE_DRAIN_SECONDS": Key("node", "8", "seconds to finish after SIGTERM"),
    "MODEL_LOAD_TIMEOUT": Key("both", "900", "seconds that loading a model may take"),
    "ALLOW_INSECURE_COORDINATOR": Key("node", "false", "allow plain http to a public address in production"),
}
