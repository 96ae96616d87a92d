"""What schemathesis does beside its own."""

import requests.adapters
import schemathesis
import urllib3

# An answer that says "nobody leads for the moment, ask again in two seconds" is asked again, as any client
# would, and not for ever: a member that stood down is followed by another within a second or two.
AGAIN = urllib3.Retry(
    total=5,
    status_forcelist=[503],
    allowed_methods=None,
    respect_retry_after_header=True,
    raise_on_status=False,
)

# Who stays a member, so that there is a quorum to ask: names are taken from answers, too.
STAY = ("ireland", "frankfurt")


@schemathesis.hook
def before_call(context, case, kwargs):
    session = kwargs.get("session")
    if session is not None and not getattr(session, "asks_again", False):
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=AGAIN))
        session.asks_again = True
    if case.operation.path.startswith("/v1/members/") and case.path_parameters.get("id") in STAY:
        case.path_parameters["id"] = "stockholm"
    case.body = whole(case.body)


def whole(value):
    """As every client writes a whole number: 15 and not 15.0, which to JSON Schema is the same."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [whole(inner) for inner in value]
    return value
