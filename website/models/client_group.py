"""The table of the groups whose members may use a client."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Identifier


class ClientGroup(Base):
    """A group in the rule of a restricted client; the row goes with either. Without any, nobody may use the client."""

    __tablename__ = "oauth2_client_group"

    client: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_client.id", ondelete="CASCADE"), primary_key=True)
    group_id: Mapped[Identifier] = mapped_column(
        ForeignKey("oauth2_group.id", ondelete="CASCADE"), primary_key=True, index=True
    )
