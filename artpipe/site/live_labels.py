"""The labels of pictures that a visitor saves in a live room.

Its script fills them in.
"""

import base64
import io

from artpipe import __version__
from artpipe.ai_labels.file_labels import is_marked
from artpipe.ai_labels.visible_marks import choose_height, draw_strip
from artpipe.ai_labels.xmp_packet import make_xmp
from artpipe.contracts.gallery_work import SAMPLE
from artpipe.contracts.generation_facts import GenerationFacts
from artpipe.contracts.live_room import LiveLabels
from artpipe.contracts.plugin_info import choose_source_type
from artpipe.contracts.section import Artist, Museum

_LARGE = 512  # pixels up to which a saved picture is enlarged, as assets/live.js has it


def make_live_labels(museum: Museum, artist: Artist) -> LiveLabels | None:
    """Return the labels of what a live room paints.

    None where there is no such room or no law asks for any. In the packet ``@TITLE@``, ``@PROMPT@``, ``@CREATED@`` and ``@IDENTIFIER@`` stand for what the visitor's browser knows.
    """
    labels, live = museum.labels, artist.live
    if not labels or live is None:
        return None
    facts = GenerationFacts(
        title="@TITLE@",
        source_type=choose_source_type([artist.wall_texts.get(SAMPLE)], has_sources=False),
        model=artist.name,
        kind=artist.kind,
        artpipe=__version__,
        publisher=museum.publisher,
        created="@CREATED@",
        identifier="@IDENTIFIER@",
        checkpoint=artist.run.checkpoint,
        step=artist.step,
        prompt="@PROMPT@",
    )
    is_china = is_marked(facts, labels)
    packet = make_xmp(facts, with_aigc=is_china).decode()
    return LiveLabels(packet, _make_strip(live.width, live.height) if is_china else "")


def _make_strip(width: int, height: int) -> str:
    """Return the strip for saved pictures of these sides, as a data: address."""
    factor = max(1, _LARGE // max(width, height, 1))
    buffer = io.BytesIO()
    draw_strip(factor * width, choose_height(factor * width, factor * height)).convert("L").save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
