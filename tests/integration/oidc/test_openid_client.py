"""npm's openid-client, which is not ours, signs in and does everything else the provider offers."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from jwt.algorithms import ECAlgorithm

from identity.oidc.models import ClientAuth
from identity.oidc.registration import CODE, MACHINE, REFRESH
from identity.oidc.signing import RS256
from tests.support.npm import installed, tool
from tests.support.oidc import COUNCIL, PARTNER, SIGNED_OUT, Browser, Site, new_key, relying
from tests.support.oidc_pages import PAGES

HERE = Path(__file__).parent / "openid_client"
DONE_WITHIN = 60.0
CHECKS = 25


async def given_to(site: Site) -> dict[str, Any]:
    """Three clients, registered, and what their developers know."""
    council = await relying(site, COUNCIL)
    rs256 = await relying(site, msgspec.structs.replace(COUNCIL, name="Old", id_token_alg=RS256))
    key, jwk = new_key()
    details = msgspec.structs.replace(
        PARTNER,
        auth=ClientAuth.PRIVATE_KEY_JWT,
        keys=(jwk,),
        grant_types=(CODE, REFRESH, MACHINE),
        scopes=(*PARTNER.scopes, "entitlements:check"),
        par_required=True,
        dpop_required=False,
    )
    partner = await relying(site, details)
    private = {**json.loads(ECAlgorithm.to_jwk(key)), "kid": jwk["kid"]}
    with_secret = {
        name: {"id": client.id, "secret": client.secret, "redirect_uri": client.redirect_uri}
        for name, client in (("council", council), ("rs256", rs256))
    }
    with_secret["council"]["signed_out"] = SIGNED_OUT
    signs = {"id": partner.id, "key": private, "redirect_uri": partner.redirect_uri}
    return {"issuer": site.url, **with_secret, "partner": signs}


async def gone(browser: Browser, url: str) -> str:
    """Where the browser ends up elsewhere, after Jean did what the pages ask."""
    page = await browser.goes(url)
    if page.status_code == 200 and page.url.path == PAGES.sign_in:
        page = await browser.signs_in(page)
    if page.status_code == 200 and page.url.path == PAGES.consent:
        page = await browser.answers(page)
    assert page.status_code == 303, page.text
    return str(httpx.URL(page.headers["location"]))


async def test_openid_client_signs_in_and_does_all_that_is_offered(
    site: Site, browser: Browser, request: pytest.FixtureRequest
) -> None:
    cache = Path(request.config.rootpath) / ".pytest_cache" / "npm"
    place = await asyncio.to_thread(installed, HERE, cache)
    process = await asyncio.create_subprocess_exec(
        tool("node"),
        str(HERE / "check.mjs"),
        cwd=place,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr

    def say(what: object) -> None:
        assert process.stdin
        process.stdin.write(json.dumps(what).encode() + b"\n")

    checks: list[str] = []
    try:
        say(await given_to(site))
        async with asyncio.timeout(DONE_WITHIN):
            while line := await process.stdout.readline():
                said = json.loads(line)
                if "go" in said:
                    say(await gone(browser, said["go"]))
                else:
                    checks = said["checks"]
            fault = (await process.stderr.read()).decode()
            assert await process.wait() == 0, fault
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert len(checks) == CHECKS, checks
