"""The nodes, what they offer and how fast they are."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "interfaces",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("address", sa.String(length=500), nullable=True),
        sa.Column("expected", sa.Boolean(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("next_secret", sa.Text(), nullable=True),
        sa.Column("boot_id", sa.String(length=64), nullable=True),
        sa.Column("previous_boot_id", sa.String(length=64), nullable=True),
        sa.Column("boot_at", sa.Double(), nullable=False),
        sa.Column("admission", sa.String(length=16), nullable=False),
        sa.Column("draining", sa.Boolean(), nullable=False),
        sa.Column("drain_deadline", sa.Double(), nullable=True),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("last_seen", sa.Double(), nullable=True),
        sa.Column("unreachable", sa.Boolean(), nullable=False),
        sa.Column("health", sa.String(length=16), nullable=False),
        sa.Column("lane", sa.String(length=8), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("claims", sa.BigInteger(), nullable=False),
        sa.Column("heartbeat_seq", sa.BigInteger(), nullable=False),
        sa.Column("gpus", sa.JSON(), nullable=False),
        sa.Column("loads", sa.JSON(), nullable=False),
        sa.Column("disk_free_mb", sa.BigInteger(), nullable=True),
        sa.Column("software_version", sa.String(length=40), nullable=False),
        sa.Column("protocol_version", sa.Integer(), nullable=False),
        sa.Column("strikes", sa.Integer(), nullable=False),
        sa.Column("quarantine_level", sa.Integer(), nullable=False),
        sa.Column("quarantined_until", sa.Double(), nullable=True),
        sa.Column("rest_until", sa.Double(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interfaces")),
        sa.UniqueConstraint("node_id", name=op.f("uq_interfaces_node_id")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    with op.batch_alter_table("interfaces", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_interfaces_admission_online"), ["admission", "online"], unique=False)

    op.create_table(
        "interface_models",
        sa.Column("interface_id", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("licence", sa.String(length=100), nullable=False),
        sa.Column("commercial", sa.Boolean(), nullable=True),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("warm", sa.Boolean(), nullable=False),
        sa.Column("offered", sa.Boolean(), nullable=False),
        sa.Column("speed_fps", sa.Double(), nullable=True),
        sa.Column("measured_fps", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["interface_id"], ["interfaces.id"], name=op.f("fk_interface_models_interface_id_interfaces")
        ),
        sa.PrimaryKeyConstraint("interface_id", "model", name=op.f("pk_interface_models")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    with op.batch_alter_table("interface_models", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_interface_models_model"), ["model"], unique=False)

    op.create_table(
        "speeds",
        sa.Column("interface_id", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("size_class", sa.Integer(), nullable=False),
        sa.Column("fps", sa.Double(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["interface_id"], ["interfaces.id"], name=op.f("fk_speeds_interface_id_interfaces")),
        sa.PrimaryKeyConstraint("interface_id", "model", "size_class", name=op.f("pk_speeds")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )


def downgrade() -> None:
    op.drop_table("speeds")
    op.drop_table("interface_models")
    op.drop_table("interfaces")
