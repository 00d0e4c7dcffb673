"""The rows of the OpenID provider that are removed by their age are found by it.

Revision: 0010, after 0009.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_index(op.f("ix_oidc_grant_expires_at"), "oidc_grant", ["expires_at"])
    op.create_index(op.f("ix_oidc_logout_notice_created_at"), "oidc_logout_notice", ["created_at"])


def downgrade() -> None:
    """Take it down again."""
    op.drop_index(op.f("ix_oidc_logout_notice_created_at"), "oidc_logout_notice")
    op.drop_index(op.f("ix_oidc_grant_expires_at"), "oidc_grant")
