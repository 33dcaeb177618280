"""A visit to the gallery: a page of a browser, and what went wrong on it."""


class Visit:
    """A page that remembers every complaint and every request."""

    def __init__(self, browser, **options):
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(120_000)  # beside other work a page may wait long for a core
        self.page = self.context.new_page()
        self.complaints, self.requests, self.bytes = [], [], 0
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", self._note_failure)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("response", lambda answer: self.complaints.append(answer.url) if answer.status >= 400 else None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    def _note_failure(self, request):
        """Note a file that could not be had; what leaving a page cut short is no fault."""
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"failed {request.url}")

    def go(self, url):
        self.page.goto(url)
        self.page.wait_for_load_state("networkidle")
        self.page.evaluate("document.fonts.ready.then(() => null)")
        return self.page
