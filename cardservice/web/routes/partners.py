"""What a partner's own people meet once they are signed in, as staff do."""

from litestar import Router

from cardservice.web.defences import our_own_form
from cardservice.web.guards import signed_in
from cardservice.web.partners import credentials, overview, sandbox, usage, webhook, webhooks
from cardservice.web.staff.rights import role_may
from cardservice.web.visitors import Part


def partners() -> Router:
    """Credentials, sandbox, usage and webhooks."""
    return Router(
        "/partners",
        route_handlers=[
            overview.show,
            credentials.show,
            credentials.register,
            credentials.stop,
            sandbox.show,
            sandbox.check,
            usage.show,
            webhooks.show,
            webhooks.add,
            webhook.show,
            webhook.change_secret,
            webhook.enable,
            webhook.disable,
            webhook.remove,
            webhook.send_test,
            webhook.send_again,
            webhook.send_span,
        ],
        guards=[signed_in, role_may, our_own_form],
        opt={"part": Part.STAFF},
    )
