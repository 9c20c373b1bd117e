"""Who may come in: a sound head, a Host that is ours, a caller key; loopback alone while there are none. Decides by the ASGI
scope's path and fields, never by a URL built from `Host`. What is refused here never reaches a room.
"""

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from ..access.admin import NAME, AdminKey
from ..access.keys import CallerKeys, is_loopback
from ..config.snapshot import Server
from ..errors import CallerError, Forbidden, NotReady
from . import head
from .cors import Cors
from .hosts import Hosts

Scope = MutableMapping[str, Any]
FIELDS = "llm_router.fields"  # in the scope: the request's fields by name; of equal names the last
WIRE = "llm_router.wire"  # in the scope: our own protocol has measured the head and times the body
CALLER = "llm_router.scope"  # in the scope: whose cache entries this caller shares
OPEN_PATHS = frozenset({"/health", "/ready"})
OPERATOR_PATHS = frozenset({"/usage"})
PASSED_ON = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")
"""Fields by which a proxy says that it stands in between: whoever it speaks for is not on this machine."""
OWN_DOOR = "/dashboard"  # asks for a login of its own, which no caller key opens


class Policy:
    """What `server:` of the configuration says about callers."""

    __slots__ = ("cors", "hosts", "root")

    def __init__(self, root: str, allowed_hosts: tuple[str, ...], cors_origins: tuple[str, ...], keyed: bool) -> None:
        self.root = root
        self.hosts = Hosts(allowed_hosts, keyed)
        self.cors = Cors(cors_origins) if cors_origins else None


class Guard:
    """Lets a request pass with its fields and its caller's cache scope in the ASGI scope.

    `plan` gives `server:` of the configuration, which holds until a restart, or raises NotReady while there is no sound one.
    """

    def __init__(self, keys: CallerKeys, plan: Callable[[], Server], admin: AdminKey | None = None) -> None:
        self._keys = keys
        self._admin = admin or AdminKey()
        self._plan = plan
        self._policy: Policy | None = None

    def policy(self) -> Policy:
        """The configured one; the default while the configuration is unsound."""
        if self._policy is not None:
            return self._policy
        keyed = bool(self._keys)
        try:
            plan = self._plan()
        except NotReady:
            return Policy("", (), (), keyed)
        self._policy = Policy(plan.root_path, plan.allowed_hosts, plan.cors_origins, keyed)
        return self._policy

    def __call__(self, scope: Scope, path: str) -> None:
        """Raises CallerError for what may not come in."""
        headers = scope["headers"]
        fields: dict[bytes, bytes] = dict(headers)
        scope[FIELDS] = fields
        self._refuse_head(scope, headers, fields, path)
        if path in OPEN_PATHS or scope["method"] == "OPTIONS":
            return
        if path.startswith(OWN_DOOR) and path[len(OWN_DOOR) :][:1] in ("", "/"):
            return
        client = scope.get("client")
        if path in OPERATOR_PATHS:
            self._admit_operator(headers, fields, client[0] if client else None)
            return
        authorization: list[bytes] = []
        api_key: list[bytes] = []
        if self._keys:
            authorization = [value for name, value in headers if name == b"authorization"]
            api_key = [value for name, value in headers if name == b"x-api-key"]
        scope[CALLER] = self._keys.scope(authorization, api_key, client[0] if client else None)

    def _admit_operator(self, headers: Any, fields: Mapping[bytes, bytes], peer: str | None) -> None:
        """What concerns all callers is the operator's alone: by the admin key, else on this machine while no caller has a key."""
        if self._admin:
            authorization = [value for name, value in headers if name == b"authorization"]
            self._admin.admit(authorization, [value for name, value in headers if name == b"x-api-key"])
        elif self._keys or not is_loopback(peer) or any(name in fields for name in PASSED_ON):
            raise Forbidden(f"without {NAME} this is for the machine of the service alone, and only without caller keys: set it")

    def _refuse_head(self, scope: Scope, headers: Any, fields: dict[bytes, bytes], path: str) -> None:
        if WIRE not in scope:
            target = scope.get("raw_path") or b""
            if len(headers) > head.MAX_FIELDS or head.size(target + scope.get("query_string", b""), headers) > head.MAX_BYTES:
                raise head.too_large()
        if b"transfer-encoding" in fields:
            head.refuse_framing(fields)
        host = fields.get(b"host")
        if host is None or len(fields) != len(headers):
            host = head.sole_host(headers, scope.get("http_version", "1.1"))
        name = "" if host is None else head.host_name(host)
        if name is None:
            raise CallerError("the Host header is no host name", param="host")
        self.policy().hosts.refuse(name, path in OPEN_PATHS)
