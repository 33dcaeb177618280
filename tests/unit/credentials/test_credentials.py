"""Content credentials: what is signed verifies, whatever is changed does not, and no key is anybody else's."""

import io
import json
import stat
import wave
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from artpipe.ai_labels.xmp_packet import make_xmp
from artpipe.artifacts.report import OtherModel
from artpipe.contracts.gallery_work import RealWork
from artpipe.contracts.generation_facts import GenerationFacts
from artpipe.credentials.content_manifest import describe_generation, make_manifest
from artpipe.credentials.credential_check import check_bytes, check_file
from artpipe.credentials.media_signing import MediaSigner
from artpipe.credentials.signing_identity import CHAIN_VARIABLE, KEY_VARIABLE, load_identity, own_files
from artpipe.errors import CorruptError, UserError
from artpipe.system.file_cache import FileCache
from tests.support.small_media import SAMPLES, make_film, make_sound

WORKS = (RealWork("ab" * 32, "A dahlia", creator="Ann", licence="CC0"), RealWork("cd" * 32))
FACTS = GenerationFacts(
    title="Pagoda", source_type="compositeWithTrainedAlgorithmicMedia", model="studio-style", kind="style",
    artpipe="0.2.0", dataset="studio", dataset_sha256="12" * 32, checkpoint="34" * 32, step=80, run="56" * 16,
    commit="78" * 20, seed=4, prompt="ein Dörfchen 村", sources=WORKS, shares=(0.25, 0.75),
)  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def signer(root):
    return MediaSigner(load_identity(root, {}), FileCache(root / "files"))


def picture(form, **options):
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((40, 30)).save(buffer, form, **options)
    return buffer.getvalue()


MADE = {
    ".png": lambda: picture("PNG"),
    ".webp": lambda: picture("WEBP", lossless=True),
    ".jpg": lambda: picture("JPEG"),
    ".gif": lambda: picture("GIF"),
    ".wav": make_sound,
    ".mp4": make_film,
}


@pytest.mark.parametrize("suffix", MADE)
def test_every_form_is_whole_as_signed_and_foreign_to_others(suffix, signer):
    """It says what it was told; with no certificate trusted it is foreign, and the plain file has none."""
    data = MADE[suffix]()
    signed = signer.sign(data, suffix, FACTS, f"work{suffix}")
    check = check_bytes(signed, suffix, signer.identity.chain, "work")
    assert (check.state, check.source_type, check.faults) == ("whole", FACTS.source_type, ())
    assert check.ingredients == ("A dahlia", "work cdcdcdcdcdcd")
    told = {name: check.facts[name] for name in ("model", "run", "commit", "seed", "prompt", "checkpoint", "dataset")}
    assert told == {
        "model": "studio-style", "run": FACTS.run, "commit": FACTS.commit, "seed": 4, "prompt": "ein Dörfchen 村",
        "checkpoint": FACTS.checkpoint, "dataset": {"name": "studio", "sha256": FACTS.dataset_sha256},
    }  # fmt: skip
    assert [(row["sha256"][:2], row["share"]) for row in check.facts["made_from"]] == [("ab", 0.25), ("cd", 0.75)]
    assert check_bytes(signed, suffix, b"", "work").state == "foreign"
    assert check_bytes(data, suffix, signer.identity.chain, "work").state == "none"


def test_signing_leaves_every_pixel_and_sample(signer):
    """A reader that knows nothing of credentials sees the same picture and hears the same sound."""
    for form in ("PNG", "JPEG"):
        data = picture(form)
        signed = signer.sign(data, f".{form.lower()}", FACTS, "x")
        assert Image.open(io.BytesIO(signed)).tobytes() == Image.open(io.BytesIO(data)).tobytes()
    with wave.open(io.BytesIO(signer.sign(make_sound(), ".wav", FACTS, "x"))) as heard:
        assert heard.readframes(9999) == SAMPLES


@pytest.fixture(scope="module")
def signed_png(signer):
    return signer.sign(picture("PNG"), ".png", FACTS, "work.png")


@pytest.mark.property
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_changed_bit_of_the_picture_is_whole(signer, signed_png, place, bit):
    """Whichever bit of IDAT it is, even one that a decoder would pass over."""
    begin = signed_png.index(b"IDAT") + 4
    changed = bytearray(signed_png)
    changed[begin + int(place * (len(signed_png) - 12 - begin))] ^= 1 << bit
    assert check_bytes(bytes(changed), ".png", signer.identity.chain, "x").state == "changed"


def test_a_changed_statement_is_changed(signer, signed_png):
    """Another model's name of the same length, put into the signed assertion."""
    assert signed_png.count(b"studio-style") >= 2
    forged = signed_png.replace(b"studio-style", b"studio-stylo")
    check = check_bytes(forged, ".png", signer.identity.chain, "x")
    assert check.state == "changed"
    assert "assertion.hashedURI.mismatch" in check.faults


def test_a_changed_pixel_saved_anew_with_the_old_credentials_is_changed(signer, signed_png):
    """The manifest is moved into a picture that differs in one pixel."""
    image = Image.open(io.BytesIO(picture("PNG")))
    image.putpixel((3, 3), 255 - image.getpixel((3, 3)))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    begin = signed_png.index(b"caBX") - 4
    length = int.from_bytes(signed_png[begin : begin + 4], "big") + 12
    moved = buffer.getvalue()[:33] + signed_png[begin : begin + length] + buffer.getvalue()[33:]
    assert check_bytes(moved, ".png", signer.identity.chain, "x").state == "changed"


def test_every_model_that_had_a_part_is_named():
    """A cascade's pictures are by two models, with the hashes of both."""
    others = (OtherModel(name="small-flow", kind="flow", checkpoint="9a" * 32),)
    facts = replace(FACTS, other_models=others)
    actions, own = (assertion["data"] for assertion in make_manifest(facts, "a.png")["assertions"])
    assert actions["actions"][0]["description"] == "Made by the models studio-style (style) and small-flow (flow)."
    assert own["other_models"] == [{"name": "small-flow", "kind": "flow", "checkpoint": "9a" * 32}]
    assert b">studio-style (style) and small-flow (flow), artpipe<" in make_xmp(facts, with_aigc=False)
    assert "other_models" not in describe_generation(FACTS)


def test_the_same_file_is_signed_once(root, signer):
    """The second time it has the same bytes; a word changed in what it says makes another file."""
    first = signer.sign(picture("PNG"), ".png", FACTS, "same.png")
    cache = FileCache(root / "files")
    again = MediaSigner(load_identity(root, {}), cache)
    assert again.sign(picture("PNG"), ".png", FACTS, "same.png") == first
    assert again.sign(picture("PNG"), ".png", FACTS, "other.png") != first
    cache.forget_unused()
    assert len(list((root / "files").iterdir())) == 2
    for path in (root / "files").iterdir():
        path.write_bytes(path.read_bytes()[:-5])  # the disk was full
    renewed = again.sign(picture("PNG"), ".png", FACTS, "same.png")
    assert check_bytes(renewed, ".png", signer.identity.chain, "x").state == "whole"


def test_what_is_no_picture_cannot_be_signed(signer):
    """One line that names the file."""
    with pytest.raises(CorruptError, match=r"^bad\.png: cannot be signed: [^\n]*$"):
        signer.sign(b"\x89PNG\r\n\x1a\nnothing", ".png", FACTS, "bad.png")


def test_the_own_key_is_private_and_its_chain_holds(root, signer):
    """Mode 0600, an ES256 key; the root vouches for the signer, as another library sees it."""
    key, chain = own_files(root)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (key, chain)] == [0o600, 0o600]
    leaf, top = x509.load_pem_x509_certificates(chain.read_bytes())
    leaf.verify_directly_issued_by(top)
    top.verify_directly_issued_by(top)
    assert signer.identity.algorithm == "es256"
    assert signer.identity.fingerprint == leaf.fingerprint(hashes.SHA256()).hex()
    assert leaf.not_valid_after_utc > datetime.now(UTC) + timedelta(days=29 * 365)
    assert load_identity(root, {}) == signer.identity


def make_authority():
    """Return the keys of a root and of what it vouches for."""
    return [ec.generate_private_key(ec.SECP384R1()) for _ in range(2)]


def make_real_chain(folder, key, *, days=30, authority=()):
    """Write a key and a chain as an authority would: root, intermediate, signer; only the last two are given."""
    now = datetime.now(UTC)
    keys = [*(authority or make_authority()), key]
    names = [x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"Museum {i}")]) for i in range(3)]
    certificates = []
    for level, own in enumerate(keys):
        above = max(level - 1, 0)
        builder = (
            x509.CertificateBuilder(names[above], names[level], own.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=level < 2, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[above].public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(level == 2, False, False, False, False, level < 2, level < 2, False, False), critical=True
            )
        )
        if level == 2:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        certificates.append(builder.sign(keys[above], hashes.SHA384()))
    files = {KEY_VARIABLE: folder / "real.key", CHAIN_VARIABLE: folder / "real.pem"}
    files[KEY_VARIABLE].write_bytes(pem(key))
    chain = [certificates[2], certificates[1]]
    files[CHAIN_VARIABLE].write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain))
    return {name: str(path) for name, path in files.items()}


def pem(key, password=None):
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


@pytest.mark.parametrize(
    ("algorithm", "make_key"),
    [
        ("es256", lambda: ec.generate_private_key(ec.SECP256R1())),
        ("es384", lambda: ec.generate_private_key(ec.SECP384R1())),
        ("ps256", lambda: rsa.generate_private_key(65537, 2048)),
        ("ed25519", ed25519.Ed25519PrivateKey.generate),
    ],
)
def test_a_real_certificate_takes_the_place_of_the_own(algorithm, make_key, tmp_path):
    """Named by two variables; no own key is made, and the own certificate of others calls the file foreign."""
    identity = load_identity(tmp_path, make_real_chain(tmp_path, make_key()))
    assert (identity.algorithm, identity.is_own, identity.subject) == (algorithm, False, "Museum 2")
    signed = MediaSigner(identity, FileCache(tmp_path / "files")).sign(picture("PNG"), ".png", FACTS, "work.png")
    assert check_bytes(signed, ".png", identity.chain, "x").state == "whole"
    assert not own_files(tmp_path)[0].exists()
    other = load_identity(tmp_path / "other", {})
    check = check_bytes(signed, ".png", other.chain, "x")
    assert (check.state, check.signer) == ("foreign", "Museum 2")


def test_another_signer_below_the_same_issuer_is_foreign(tmp_path):
    """An authority vouches for many: only the first of the trusted certificates is the project's."""
    authority = make_authority()
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    identities = [load_identity(tmp_path, make_real_chain(tmp_path, key, authority=authority)) for key in keys]
    signed = MediaSigner(identities[0], FileCache(tmp_path / "files")).sign(picture("PNG"), ".png", FACTS, "work.png")
    assert check_bytes(signed, ".png", identities[0].chain, "x").state == "whole"
    assert check_bytes(signed, ".png", identities[1].chain, "x").state == "foreign"


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({}, "changed"),
        ({"activeManifest": {"success": [{"code": "claimSignature.validated"}]}}, "changed"),
        ({"activeManifest": {"success": [{"code": "signingCredential.trusted"}]}}, "changed"),
        ({"activeManifest": {"failure": [{"code": "signingCredential.expired"}]}}, "foreign"),
        ({"activeManifest": {"failure": [{"code": "signingCredential.untrusted"}, {"code": "new.code"}]}}, "changed"),
    ],
)
def test_what_the_library_does_not_vouch_for_is_not_whole(results, expected, signer, signed_png, monkeypatch):
    """Whatever it says that is not known, and where it says nothing at all."""
    import c2pa

    monkeypatch.setattr(c2pa.Reader, "get_validation_results", lambda _: {"other": 1, **results})
    assert check_bytes(signed_png, ".png", signer.identity.chain, "x").state == expected
    monkeypatch.setattr(c2pa.Reader, "get_validation_results", lambda _: None)
    with pytest.raises(UserError, match=r"^x: its credentials cannot be read$"):
        check_bytes(signed_png, ".png", signer.identity.chain, "x")


def test_half_a_key_pair_is_made_anew(tmp_path):
    """An interrupted making leaves one file; both are replaced together."""
    load_identity(tmp_path, {})
    key, chain = own_files(tmp_path)
    key.unlink()
    before = chain.read_bytes()
    identity = load_identity(tmp_path, {})
    assert identity.chain == chain.read_bytes() != before
    assert "PRIVATE" not in repr(identity)


def test_a_title_of_two_lines_forges_none(signer, artpipe, root, tmp_path):
    """What a file says of itself stands on one line, without control characters."""
    sources = (RealWork("ab" * 32, "A dahlia\n/etc/x.png: whole\x1b[31m", creator="Ann"),)
    signed = signer.sign(picture("PNG"), ".png", replace(FACTS, sources=sources, shares=(1.0,)), "x.png")
    (tmp_path / "x.png").write_bytes(signed)
    _, out, _ = artpipe("credentials", str(tmp_path / "x.png"), "--certificates", str(own_files(root)[1]))
    assert not [line for line in out.splitlines()[1:] if not line.startswith("  ")]
    assert "\x1b" not in out
    assert "A dahlia /etc/x.png: whole" in out


def test_a_wrong_key_or_certificate_is_one_line(tmp_path):
    """Each names the file, and what is wrong with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    good = make_real_chain(tmp_path, key)
    (tmp_path / "garbage").write_bytes(b"no key\x00")
    (tmp_path / "locked").write_bytes(pem(key, b"secret"))
    (tmp_path / "other").write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    (tmp_path / "curve").write_bytes(pem(ec.generate_private_key(ec.SECP256K1())))
    for name, message in {
        "garbage": "garbage: no private key; PEM is expected",
        "locked": "locked: the key has a password",
        "other": "other: not the key of the first certificate in ",
        "absent": "absent: cannot be read: No such file or directory",
    }.items():
        with pytest.raises(UserError) as error:
            load_identity(tmp_path, {**good, KEY_VARIABLE: str(tmp_path / name)})
        assert message in str(error.value)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match=r"garbage: no certificates; PEM is expected, the signer's first$"):
        load_identity(tmp_path, {**good, CHAIN_VARIABLE: str(tmp_path / "garbage")})
    with pytest.raises(UserError, match=rf"^{CHAIN_VARIABLE} is not set; key and certificates are named together"):
        load_identity(tmp_path, {KEY_VARIABLE: good[KEY_VARIABLE]})
    expired = make_real_chain(tmp_path, key, days=-1)
    with pytest.raises(UserError, match=r"real\.pem: the certificate expired on \d{4}-\d\d-\d\d$"):
        load_identity(tmp_path, expired)


def test_the_command_says_what_a_file_is(artpipe, monkeypatch, root, signer, signed_png, tmp_path):
    """Outside a project with --certificates; whole is 0, changed, foreign and none 1, unreadable 2, each in one line."""
    monkeypatch.chdir(tmp_path)
    works = tmp_path / "works"
    works.mkdir()
    (works / "a.png").write_bytes(signed_png)
    trust = ("--certificates", str(own_files(root)[1]))
    code, out, _ = artpipe("credentials", "works/a.png", *trust)
    assert (code, out.splitlines()[0][-70:]) == (
        0, "by artpipe project signer, an artpipe project, by its own certificate.",
    )  # fmt: skip
    assert "  ingredient: A dahlia" in out
    assert artpipe("credentials", "works", *trust)[0] == 0
    assert artpipe("credentials", "works/a.png")[0] == 1  # nothing is trusted
    (works / "b.png").write_bytes(picture("PNG"))
    assert artpipe("credentials", "works", *trust)[:2] == (0, out_of_two(whole=1, none=1))
    assert artpipe("credentials", "works/b.png", *trust)[0] == 1
    (works / "b.png").write_bytes(signed_png.replace(b"studio-style", b"studio-stylo"))
    code, out, _ = artpipe("credentials", "works", "--json", *trust)
    assert (code, [row["state"] for row in json.loads(out)]) == (1, ["whole", "changed"])
    (works / "b.png").write_bytes(signed_png[:900])
    code, _, error = artpipe("credentials", "works/b.png", *trust)
    assert (code, error.count("\n")) == (2, 1)
    assert "works/b.png: no whole file of the form `png`: " in error
    assert artpipe("credentials", "works", *trust)[0] == 2
    (works / "c.txt").write_text("words")
    code, _, error = artpipe("credentials", "works/c.txt")
    assert (code, "`.txt` carries no credentials; these do: png, webp" in error) == (2, True)
    assert artpipe("credentials", "works", "--certificates", "works/c.txt")[0] == 2


def out_of_two(**counts):
    shown = {name: counts.get(name, 0) for name in ("whole", "changed", "foreign", "none")}
    return (
        f"2 files: {shown['whole']} whole, {shown['changed']} changed, {shown['foreign']} foreign,"
        f" {shown['none']} without credentials, 0 unreadable.\n"
    )


def test_a_file_without_a_place_for_credentials_is_refused(tmp_path):
    """A text, or a film in Matroska, is named with the forms that can carry some."""
    for name in ("words.txt", "walk.webm"):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(UserError, match="carries no credentials; these do: png"):
            check_file(Path(tmp_path / name), b"")
