"""Where one run keeps what it makes: roots, keys, identities, the test user's password."""

import os
import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from mitmail.pki.keypool import KeyPool
from mitmail.pki.store import Store, data_folder


@dataclass(frozen=True, slots=True)
class Keeping:
    """The stores of one run, the same for all that it serves one after the other.

    ``aside`` takes the mail server's roots that must not be kept, ``exact`` those of products that
    are called as the products' own. ``kept_in`` is the folder that ``store`` keeps things in, None
    when all of it ends with the process.
    """

    store: Store
    aside: Store
    kept_in: Path | None
    exact: Store = field(default_factory=lambda: Store(None))

    def of_products(self, *, exact: bool) -> Store:
        """Where the roots of products are."""
        return self.exact if exact else self.store

    @classmethod
    def make(cls, *, throw_away: bool) -> Self:
        """Stores in the user's data folder, or in memory only."""
        if throw_away:
            store = Store(None)
            return cls(store, store, None)
        folder = data_folder(os.environ, sys.platform)
        store = Store(folder)
        # Their keys are not thrown away where they take long: a key alone proves nothing.
        return cls(store, Store(None, KeyPool(shared=store.keys)), folder)

    def password(self) -> str:
        """The test user's password; raises MitmailError."""
        return self.store.secret("password", lambda: secrets.token_urlsafe(9))
