"""What a link proves: the digest of the message it stood in, for one purpose, within the limits of asking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.messages.identity import TokenPurpose, verify_token
from relight.web.limits import client_of
from relight.web.protect import not_found, too_often

if TYPE_CHECKING:
    from starlette.requests import Request

    from relight.web.site import Site

#: Characters of a topic, survey or other subject in a link.
SUBJECT_CHARACTERS_MAX = 200


def open_link(site: Site, request: Request, purpose: TokenPurpose, subject: str = "") -> str:
    """Return the digest of the message that the request's token proves.

    Raises RefusedError: 404 for a token that opens nothing here, 429 for a client that guesses or a link that is asked
    too often. A client that guesses does not keep a proven link from working.
    """
    token = str(request.path_params["token"])
    is_short = len(subject) <= SUBJECT_CHARACTERS_MAX or purpose is TokenPurpose.CLICK
    digest = verify_token(site.keys, purpose, token, subject) if is_short else None
    now = site.clock()
    if digest is None:
        raise not_found() if site.strangers.may_pass(client_of(request), now) else too_often()
    if not site.links.may_pass(digest, now):
        raise too_often()
    return digest
