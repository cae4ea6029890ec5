"""The vLLM servers of this process, one per base and settings, shared by every audit.

A server stays warm when its audit ends: the next one in the same process most likely wants it, and a start
costs half a minute or more. Two servers seldom fit on one device, so those without users end when another one
must start.
"""

import atexit
import threading

from cordelia.testbeds.backends.vllm.command import VllmArgs
from cordelia.testbeds.backends.vllm.server import VllmServer
from cordelia.testbeds.backends.vllm.spec import ServerSpec

_SERVERS: dict[tuple[str, VllmArgs], list[VllmServer]] = {}
_LOCK = threading.Lock()


def acquire_server(spec: ServerSpec) -> VllmServer:
    """The process's server for a spec, counted as used once more. It starts with its first request.

    One that serves higher ranks than asked for is shared too; one that has died is forgotten. Blocks for some
    seconds at most, to see whether a server is well and to end idle ones.
    """
    with _LOCK:
        servers = _SERVERS.setdefault((spec.base, spec.args), [])
        servers[:] = [server for server in servers if server.answers()]
        fit = (server for server in servers if spec.args.base_url or server.spec.covers(spec))
        server = next(fit, None)
        if server is None:
            _stop_idle()
            server = VllmServer(spec)
            servers.append(server)
        server.users += 1
        return server


def release_server(server: VllmServer) -> None:
    """Count one user less."""
    with _LOCK:
        server.users -= 1


def stop_all() -> None:
    """End every server that this process started."""
    with _LOCK:
        servers = [server for group in _SERVERS.values() for server in group]
        _SERVERS.clear()
    for server in servers:
        server.stop()


def _stop_idle() -> None:
    for servers in _SERVERS.values():
        for server in [server for server in servers if server.users <= 0]:
            servers.remove(server)
            server.stop()


atexit.register(stop_all)
