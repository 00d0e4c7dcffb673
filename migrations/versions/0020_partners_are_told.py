"""Partners are told of what changed, and their people sign in.

Revision: 0020, after 0019.
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


_TYPES = _one_of(
    "eventtype",
    "entitlement.ended",
    "entitlement.suspended",
    "entitlement.resumed",
    "entitlement.changed",
    "card.stopped",
    "card.resumed",
    "card.ended",
    "redemption.confirmed",
    "redemption.cancelled",
    "test.sent",
)
_KINDS = _one_of("credentialkind", "live", "sandbox")
_DISABLED = _one_of("disabled", "partner", "gone")
_RESULTS = _one_of(
    "result",
    "taken",
    "refused",
    "gone",
    "redirect",
    "too-slow",
    "no-connection",
    "certificate-not-trusted",
    "not-http",
    "address-not-public",
    "name-not-found",
)
_ROLES = ("adviser", "card-officer", "supervisor", "auditor", "administrator")
_PARTNER = "partner"


def upgrade() -> None:
    """Bring the schema up."""
    _allow_roles(*_ROLES, _PARTNER)
    _create_organisation_member()
    _create_partner_event()
    _create_partner_feed()
    _create_webhook_endpoint()
    _create_webhook_delivery()
    _create_webhook_secret()
    _create_webhook_try()


def _create_organisation_member() -> None:
    op.create_table(
        "organisation_member",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_organisation_member_organisation_id_organisation"),
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["staff_member.id"],
            name=op.f("fk_organisation_member_staff_id_staff_member"),
        ),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_organisation_member")),
    )
    op.create_index(
        op.f("ix_organisation_member_organisation_id"), "organisation_member", ["organisation_id"]
    )


def _create_partner_event() -> None:
    op.create_table(
        "partner_event",
        sa.Column("serial", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", _KINDS, nullable=False),
        sa.Column("type", _TYPES, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=True),
        sa.Column("scheme", sa.String(length=64), nullable=True),
        sa.Column("redemption_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(type = 'test.sent') = (subject IS NULL)", name=op.f("ck_partner_event_about_somebody")
        ),
        sa.CheckConstraint(
            "(type LIKE 'entitlement.%' OR type LIKE 'redemption.%') = (scheme IS NOT NULL)",
            name=op.f("ck_partner_event_about_a_scheme"),
        ),
        sa.CheckConstraint(
            "(type LIKE 'redemption.%') = (redemption_id IS NOT NULL)",
            name=op.f("ck_partner_event_about_a_redemption"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_partner_event_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_partner_event")),
        sa.UniqueConstraint("id", name=op.f("uq_partner_event_id")),
        sa.UniqueConstraint(
            "organisation_id",
            "kind",
            "position",
            name=op.f("uq_partner_event_organisation_id_kind_position"),
        ),
    )
    op.create_index(op.f("ix_partner_event_at"), "partner_event", ["at"])
    op.create_index(op.f("ix_partner_event_subject"), "partner_event", ["subject"])
    op.create_index(
        "ix_partner_event_waiting",
        "partner_event",
        ["organisation_id", "kind", "serial"],
        sqlite_where=sa.text("position IS NULL"),
        postgresql_where=sa.text("position IS NULL"),
    )


def _create_partner_feed() -> None:
    op.create_table(
        "partner_feed",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", _KINDS, nullable=False),
        sa.Column("last_position", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_partner_feed_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "kind", name=op.f("pk_partner_feed")),
    )


def _create_webhook_endpoint() -> None:
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_because", _DISABLED, nullable=True),
        sa.CheckConstraint(
            "(disabled_at IS NULL) = (disabled_because IS NULL)",
            name=op.f("ck_webhook_endpoint_disabled_for_a_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_webhook_endpoint_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoint")),
    )
    op.create_index(
        op.f("ix_webhook_endpoint_organisation_id"), "webhook_endpoint", ["organisation_id"]
    )


def _create_webhook_delivery() -> None:
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "due_at IS NULL OR (taken_at IS NULL AND given_up_at IS NULL)",
            name=op.f("ck_webhook_delivery_due_until_done"),
        ),
        sa.CheckConstraint(
            "taken_at IS NULL OR given_up_at IS NULL",
            name=op.f("ck_webhook_delivery_taken_or_given_up"),
        ),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoint.id"],
            name=op.f("fk_webhook_delivery_endpoint_id_webhook_endpoint"),
        ),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["partner_event.id"],
            name=op.f("fk_webhook_delivery_event_id_partner_event"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
        sa.UniqueConstraint(
            "endpoint_id", "event_id", name=op.f("uq_webhook_delivery_endpoint_id_event_id")
        ),
    )
    op.create_index(op.f("ix_webhook_delivery_due_at"), "webhook_delivery", ["due_at"])
    op.create_index(op.f("ix_webhook_delivery_event_id"), "webhook_delivery", ["event_id"])


def _create_webhook_secret() -> None:
    op.create_table(
        "webhook_secret",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("stops_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoint.id"],
            name=op.f("fk_webhook_secret_endpoint_id_webhook_endpoint"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_secret")),
    )
    op.create_index(op.f("ix_webhook_secret_endpoint_id"), "webhook_secret", ["endpoint_id"])
    op.create_index(
        "uq_webhook_secret_current",
        "webhook_secret",
        ["endpoint_id"],
        unique=True,
        sqlite_where=sa.text("stops_at IS NULL"),
        postgresql_where=sa.text("stops_at IS NULL"),
    )


def _create_webhook_try() -> None:
    op.create_table(
        "webhook_try",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("result", _RESULTS, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("line", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["webhook_delivery.id"],
            name=op.f("fk_webhook_try_delivery_id_webhook_delivery"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_try")),
    )
    op.create_index(op.f("ix_webhook_try_delivery_id"), "webhook_try", ["delivery_id"])


def _allow_roles(*roles: str) -> None:
    name = "ck_staff_member_staffrole"
    condition = f"role IN ({', '.join(repr(role) for role in roles)})"
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.drop_constraint(op.f(name), "staff_member", type_="check")
        op.create_check_constraint(op.f(name), "staff_member", condition)
    else:
        _rewrite(connection, "staff_member", name, condition)


def _rewrite(connection: sa.Connection, table: str, name: str, condition: str) -> None:
    """Change a check where SQLite keeps it: a table that others refer to cannot be made anew.

    Source: sqlite.org/lang_altertable.html section 7, the steps for changing CHECK constraints.
    """
    of_table = {"table": table}
    find = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table")
    before: str = connection.execute(find, of_table).scalar_one()
    told = re.compile(rf"(CONSTRAINT {name} CHECK )\([^()]*\([^()]*\)\)")
    after, found = told.subn(rf"\1({condition})", before)
    if found != 1:
        raise RuntimeError(f"{table} has no check {name} of the form that this version knows.")
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    change = sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :table")
    connection.execute(change, of_table | {"sql": after})
    connection.exec_driver_sql(f"PRAGMA schema_version={int(version) + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=OFF")


def downgrade() -> None:
    """Take it down again. Whoever signed in for a partner cannot sign in any more."""
    for table in (
        "webhook_try",
        "webhook_secret",
        "webhook_delivery",
        "webhook_endpoint",
        "partner_feed",
        "partner_event",
        "organisation_member",
    ):
        op.drop_table(table)
    # What they did is in the trail under their ids, so that their rows stay, without any right.
    op.execute("UPDATE staff_member SET active = false, role = 'auditor' WHERE role = 'partner'")
    _allow_roles(*_ROLES)
