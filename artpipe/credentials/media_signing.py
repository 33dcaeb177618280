"""Sign files with content credentials; what was signed once is not signed again.

A signature has random numbers in it, so the same file signed twice is two files. What was signed lies in the state
folder by the hash of all it was made from: an unchanged work keeps its bytes.
"""

import io
import json

from artpipe.contracts.generation_facts import GenerationFacts
from artpipe.credentials.content_manifest import make_manifest
from artpipe.credentials.credential_check import check_bytes
from artpipe.credentials.media_types import MEDIA_TYPES
from artpipe.credentials.native_context import make_signing_context
from artpipe.credentials.signing_identity import SigningIdentity
from artpipe.errors import ArtpipeError, CorruptError
from artpipe.system.file_cache import FileCache


class MediaSigner:
    """Signs files with one identity; `cache` has what was signed before."""

    def __init__(self, identity: SigningIdentity, cache: FileCache) -> None:
        import c2pa

        self.identity, self._cache = identity, cache
        self._library = c2pa.sdk_version()
        self._signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(identity.algorithm.encode(), identity.chain, identity.key, None)
        )

    def sign(self, data: bytes, suffix: str, facts: GenerationFacts, name: str) -> bytes:
        """Return the file `name` with its credentials, verified.

        Raises:
            CorruptError: it cannot be signed, or does not verify afterwards.
        """
        manifest = json.dumps(make_manifest(facts, name), ensure_ascii=False, sort_keys=True)
        parts = [data, manifest.encode(), suffix.encode(), self.identity.chain, self._library.encode()]
        return self._cache.get_or_make(parts, lambda: self._sign_and_verify(data, suffix, manifest, name))

    def _sign_and_verify(self, data: bytes, suffix: str, manifest: str, name: str) -> bytes:
        import c2pa

        signed = io.BytesIO()
        try:
            builder = c2pa.Builder(manifest, make_signing_context())
            builder.sign(self._signer, MEDIA_TYPES[suffix], io.BytesIO(data), signed)
            check = check_bytes(signed.getvalue(), suffix, self.identity.chain, name)
        except (c2pa.C2paError, ArtpipeError) as error:
            raise CorruptError(f"{name}: cannot be signed: {' '.join(str(error).split())[:160]}") from None
        if check.state != "whole":
            raise CorruptError(f"{name}: its credentials do not verify: {', '.join(check.faults)}")
        return signed.getvalue()
