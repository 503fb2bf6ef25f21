"""What lies between a page and its server: the socket, which a test may end and hold off, and requests that wait."""

from playwright.sync_api import Page, Route, WebSocketRoute


class Line:
    """Made before the page is opened; what passes is the server's."""

    def __init__(self, page: Page) -> None:
        self._open: list[WebSocketRoute] = []
        self._cut = 0
        page.route_web_socket("**/api/v1/ws", self._opened)

    def cut(self, code: int) -> None:
        """End the socket with this code, and until `mend` each that is tried."""
        self._cut = code
        self._open.pop().close(code=code)

    def mend(self) -> None:
        """The next is the server's again."""
        self._cut = 0

    def _opened(self, socket: WebSocketRoute) -> None:
        if self._cut:
            socket.close(code=self._cut)
        else:
            socket.connect_to_server()
            self._open.append(socket)


class Hold:
    """Requests to an address (a pattern): each of the first `times` waits until `release`, and none after it."""

    def __init__(self, page: Page, address: str, times: int | None = None) -> None:
        self._held: list[Route] = []
        self._released = False
        page.route(address, self._asked, times=times)

    def release(self) -> None:
        """Let them go on to the server."""
        self._released = True
        for route in self._held:
            route.continue_()

    def _asked(self, route: Route) -> None:
        if self._released:
            route.continue_()
        else:
            self._held.append(route)


def drawn(page: Page) -> None:
    """Wait until what the page knows by now is shown."""
    page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
