"""Check that every work says what it is.

Its page, its model, its file, words for its picture.
"""

from collections.abc import Iterator

from artpipe.site_check.published_site import Fault, PublishedSite
from artpipe.system.hashing import sha256_bytes


def check_labels(site: PublishedSite) -> Iterator[Fault]:
    """Yield works that no label names as a model's, and pictures without words."""
    for path, record in site.list_records("works"):
        page_path = path.replace("work.json", "index.html")
        page = site.pages.get(page_path)
        if page is None:
            yield Fault(path, "the work has no page")
            continue
        targets = {site.find_file(page_path, reference.address) for reference in page.references}
        model = record["model"]["name"]
        if f"models/{model}/index.html" not in targets:
            yield Fault(page_path, f"does not say that {model} made the work: there is no link to the model")
        file = record["file"]
        if file is not None and sha256_bytes(site.files.get(file, b"")) != record["sha256"]:
            yield Fault(path, f"{file} is not the work that the record speaks of")
    for path, page in site.pages.items():
        if page.pictures_without_alt:
            yield Fault(path, f"{page.pictures_without_alt} pictures without `alt`, for who cannot see them")
