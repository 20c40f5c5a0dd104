"""columns of authorization codes that nothing ever read or wrote

Those of grants and consents stay for one more release: a node of the former one still names them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade():
    op.drop_column("oauth2_authorization_code", "resource")
    op.drop_column("oauth2_authorization_code", "authorization_details")
    op.drop_column("oauth2_authorization_code", "dpop_jkt")


def downgrade():
    op.add_column("oauth2_authorization_code", sa.Column("dpop_jkt", sa.String(length=64), nullable=True))
    op.add_column("oauth2_authorization_code", sa.Column("authorization_details", sa.JSON(), nullable=True))
    op.add_column("oauth2_authorization_code", sa.Column("resource", sa.JSON(), nullable=True))
