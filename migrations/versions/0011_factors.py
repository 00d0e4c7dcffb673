"""Second factors for residents, devices of staff, and failures counted by network.

Revision: 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "network_throttle",
        sa.Column("source_hash", sa.LargeBinary(), nullable=False),
        sa.Column("empty_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source_hash", name=op.f("pk_network_throttle")),
    )
    op.create_index(op.f("ix_network_throttle_empty_at"), "network_throttle", ["empty_at"])
    op.create_table(
        "staff_device",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("device_hash", sa.LargeBinary(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_member.id"], name=op.f("fk_staff_device_staff_id_staff_member")
        ),
        sa.PrimaryKeyConstraint("staff_id", "device_hash", name=op.f("pk_staff_device")),
    )
    op.create_index(op.f("ix_staff_device_device_hash"), "staff_device", ["device_hash"])
    op.create_index(op.f("ix_known_device_device_hash"), "known_device", ["device_hash"])
    op.add_column("one_time_code", sa.Column("device_hash", sa.LargeBinary(), nullable=True))
    op.add_column(
        "account_password",
        sa.Column("needs_app", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    _create_apps_of_residents()
    _widen_passkeys()


def _create_apps_of_residents() -> None:
    op.create_table(
        "account_totp",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_account_totp_account_id_account")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_totp")),
    )
    op.create_table(
        "account_recovery_code",
        sa.Column("code_index", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_account_recovery_code_account_id_account"),
        ),
        sa.PrimaryKeyConstraint("code_index", name=op.f("pk_account_recovery_code")),
    )
    op.create_index(
        op.f("ix_account_recovery_code_account_id"), "account_recovery_code", ["account_id"]
    )
    op.create_table(
        "lost_factor",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_lost_factor_account_id_account")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_lost_factor")),
    )


def _widen_passkeys() -> None:
    with op.batch_alter_table("passkey") as passkey:
        passkey.alter_column("account_id", existing_type=sa.Uuid(), nullable=True)
        passkey.add_column(sa.Column("staff_id", sa.Uuid(), nullable=True))
        passkey.create_foreign_key(
            op.f("fk_passkey_staff_id_staff_member"), "staff_member", ["staff_id"], ["id"]
        )
        passkey.create_check_constraint(
            op.f("ck_passkey_one_owner"), "(account_id IS NULL) <> (staff_id IS NULL)"
        )
    op.create_index(op.f("ix_passkey_staff_id"), "passkey", ["staff_id"])


def downgrade() -> None:
    """Take it down again; second factors of residents and passkeys of staff are lost."""
    op.execute("DELETE FROM passkey WHERE account_id IS NULL")
    op.drop_index(op.f("ix_passkey_staff_id"), "passkey")
    with op.batch_alter_table("passkey") as passkey:
        passkey.drop_constraint(op.f("ck_passkey_one_owner"), type_="check")
        passkey.drop_constraint(op.f("fk_passkey_staff_id_staff_member"), type_="foreignkey")
        passkey.drop_column("staff_id")
        passkey.alter_column("account_id", existing_type=sa.Uuid(), nullable=False)
    for table in ("lost_factor", "account_recovery_code", "account_totp"):
        op.drop_table(table)
    op.drop_column("account_password", "needs_app")
    op.drop_column("one_time_code", "device_hash")
    op.drop_index(op.f("ix_known_device_device_hash"), "known_device")
    op.drop_table("staff_device")
    op.drop_table("network_throttle")
