"""C2PA content credentials, where `melies[credentials]` is installed: the same words, signed.

They are signed with the user's certificate (the folder `MELIES_CREDENTIALS` holds `chain.pem` and `key.pem`, ES256) or
with one made here at the first need. A certificate made here shows that a file was not changed since, not who made it.
"""

from __future__ import annotations

import importlib.util
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import platformdirs

import melies
from melies.errors import MediaError
from melies.provenance import Provenance

ROOM = 16 * 1024
"""Bytes that a signature and what is signed take at most."""

_KINDS = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}

_YEARS = timedelta(days=3650)


def installed() -> bool:
    """Whether credentials can be signed here."""
    return all(importlib.util.find_spec(name) for name in ("c2pa", "cryptography"))


def sign(path: Path, provenance: Provenance) -> None:
    """Sign a finished file in place; a kind of file that can hold no credentials is left as it is.

    Raises:
        MediaError: The certificate cannot be used.
    """
    import c2pa

    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        return
    chain, key = identity()
    done = path.with_name(f"finished-signed{path.suffix}")
    manifest = {
        "claim_generator_info": [{"name": "melies", "version": melies.__version__}],
        "title": path.name,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": list(_actions(provenance))}}],
    }
    try:
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key, None))
        with (
            c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}}) as settings,
            c2pa.Context(settings, signer) as context,
            c2pa.Builder(json.dumps(manifest), context) as builder,
            path.open("rb") as finished,
            done.open("w+b") as signed,
        ):
            builder.sign(kind, finished, signed)
    except c2pa.C2paError as error:
        done.unlink(missing_ok=True)
        raise MediaError(
            f"Content credentials cannot be signed: {error}",
            "Check chain.pem and key.pem in the folder that MELIES_CREDENTIALS names.",
        ) from None
    done.replace(path)


def _actions(provenance: Provenance) -> Any:
    # The standard wants a film to be made or opened before anything is done to it.
    yield {"action": "c2pa.created", "digitalSourceType": provenance.source_type, "description": provenance.text}
    for name, settings in provenance.effects:
        yield {"action": "c2pa.edited", "description": name, "parameters": settings}


def identity() -> tuple[bytes, bytes]:
    """Return the chain of certificates and the key, both PEM; they are made where there are none."""
    own = os.environ.get("MELIES_CREDENTIALS")
    folder = Path(own) if own else platformdirs.user_data_path("melies") / "credentials"
    chain, key = folder / "chain.pem", folder / "key.pem"
    if own or (chain.exists() and key.exists()):
        try:
            return chain.read_bytes(), key.read_bytes()
        except OSError as error:
            raise MediaError(f"{error.filename} cannot be read: {error.strerror}.") from None
    made = make()
    folder.mkdir(parents=True, exist_ok=True)
    chain.write_bytes(made[0])
    key.touch(0o600)
    key.write_bytes(made[1])
    return made


def make() -> tuple[bytes, bytes]:
    """Make an authority and a certificate that it signs (the standard takes none that signed itself), and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(words: str) -> x509.Name:
        return x509.Name(
            [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "melies"), x509.NameAttribute(NameOID.COMMON_NAME, words)]
        )

    def certificate(subject: str, public: Any, *, authority: bool) -> x509.Certificate:
        usage = x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False)
        begun = datetime.now(UTC) - timedelta(days=1)
        builder = (
            x509.CertificateBuilder(name("local authority"), name(subject), public, x509.random_serial_number())
            .not_valid_before(begun)
            .not_valid_after(begun + _YEARS)
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False)
        )
        if not authority:
            signs = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(signs, critical=False)
        return builder.sign(root, hashes.SHA256())

    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    chain = (
        certificate("local signer", leaf.public_key(), authority=False),
        certificate("local authority", root.public_key(), authority=True),
    )
    encoding = serialization.Encoding.PEM
    key = leaf.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return b"".join(one.public_bytes(encoding) for one in chain), key
