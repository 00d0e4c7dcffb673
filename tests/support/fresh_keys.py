"""Hooks of Schemathesis: every request with an Idempotency-Key has one of its own, as documented.

Without them two requests that it makes up may share a short key, which is refused as it should be.
Keys that are none are left as they are.
"""

import re
from typing import Any
from uuid import uuid4

import schemathesis

from entitlements.api.bodies import KEY_PATTERN

NAME = "Idempotency-Key"


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:  # noqa: ANN401  (Schemathesis's)
    key = (case.headers or {}).get(NAME)
    if isinstance(key, str) and re.fullmatch(KEY_PATTERN, key):
        case.headers[NAME] = str(uuid4())
