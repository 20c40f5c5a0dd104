"""The table that tells other processes which clients changed last."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Identifier


class ClientChange(Base):
    """One change of a client: what the counter of ``clients`` in ``oauth2_change`` became by it.

    Only the latest ones are kept. A change without a row may be one of any client: a former release only raises the
    counter.
    """

    __tablename__ = "oauth2_client_change"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    #: No foreign key, as the client may be deleted.
    client: Mapped[Identifier]
