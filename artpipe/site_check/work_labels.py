"""Check that every work says what it is.

Its page, its model, its file, words for its picture.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from artpipe.contracts.generation_facts import TRAINED_TYPES
from artpipe.credentials.credential_check import check_bytes
from artpipe.credentials.media_types import MEDIA_TYPES
from artpipe.publishing.offered_files import CERTIFICATES
from artpipe.site_check.published_site import Fault, PublishedSite
from artpipe.system.hashing import sha256_bytes


def _check_offered(site: PublishedSite, file: str, source_type: str) -> Iterator[Fault]:
    """Yield what is missing in a file to take away: the label by law, the signature."""
    data = site.files[file]
    if site.labels and source_type.encode() not in data:
        yield Fault(file, f"does not say that it is of the type {source_type}, as `gallery.labels` asks")
    if "cn" in site.labels and source_type.rpartition("/")[2] in TRAINED_TYPES and b"AIGC" not in data:
        yield Fault(file, "has no AIGC label, as `gallery.labels: [cn]` asks")
    trusted = site.files.get(CERTIFICATES)
    if trusted is None or PurePosixPath(file).suffix not in MEDIA_TYPES:
        return
    state = check_bytes(data, PurePosixPath(file).suffix, trusted, file).state
    if state != "whole":
        yield Fault(file, f"its credentials are {state}, not whole")


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
        for file, sha256 in ((record["file"], record["sha256"]), (record["offered"], record["offered_sha256"])):
            if file is not None and sha256_bytes(site.files.get(file, b"")) != sha256:
                yield Fault(path, f"{file} is not the work that the record speaks of")
        if record["offered"] in site.files:
            yield from _check_offered(site, record["offered"], record["digital_source_type"])
    for path, page in site.pages.items():
        if page.pictures_without_alt:
            yield Fault(path, f"{page.pictures_without_alt} pictures without `alt`, for who cannot see them")
