"""`fineacers gateway`: take facts by HTTP."""

from __future__ import annotations

import logging

from schemas.events.contact import ConsentChanged
from schemas.events.governance import ApprovalDecided
from schemas.topics import FACT_TOPIC
from streams.cli.fail import fail
from streams.settings import SettingsError, identity_key, load_settings


def gateway() -> None:
    """Take facts by HTTP until SIGTERM: people unsubscribe, reviewers answer. /ready tells whether Kafka answers.

    The decision that allows a marketing e-mail bears a token ("unsubscribe"); its sender puts these headers under DKIM:

        List-Unsubscribe: <FINEACERS_GATEWAY_URL/unsubscribe/TOKEN>

        List-Unsubscribe-Post: List-Unsubscribe=One-Click

    `fineacers lead show` prints the whole link. A POST to it withdraws consent for the very address that the message
    went to (RFC 8058), a GET only shows a button.

    Reviewers of a lead of high value find a link to /approvals/ in the webhook's message (and in `fineacers approvals
    list --json`): it shows what waits and takes one word, approved or rejected. Whoever has the link may answer.

    It listens on FINEACERS_GATEWAY_HOST (this machine alone unless told otherwise) and FINEACERS_GATEWAY_PORT without
    encryption, so put a proxy with TLS in front that lets /unsubscribe/ through to everybody and /approvals/ to
    reviewers.

    Examples:

        FINEACERS_GATEWAY_URL=https://mail.example.com fineacers gateway
    """
    # Other commands need not wait for these.
    from streams.sources.gateway.app import application, serve  # noqa: PLC0415
    from streams.sources.gateway.approval import Approval, Requests  # noqa: PLC0415
    from streams.sources.gateway.outbox import Outbox  # noqa: PLC0415
    from streams.sources.gateway.unsubscribe import Unsubscribe  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = load_settings("kafka", "postgres")
        key, requests = identity_key(settings), Requests(settings)
        outbox = Outbox(settings)
        routes = [*Unsubscribe(outbox, key).routes(), *Approval(outbox, key, requests).routes()]
        app = application(outbox, [FACT_TOPIC[type_].name for type_ in (ConsentChanged, ApprovalDecided)], routes)
        serve(app, settings.gateway_host, settings.gateway_port)
    except SettingsError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot listen on {settings.gateway_host}:{settings.gateway_port}: {error.strerror}")
