"""A CRM beside SQLAlchemy models: acts and the program's own rows in one database, and in one transaction.

Run as a script, it wins a deal and writes its invoice: both, or neither.
"""

from sqlalchemy import create_engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from crmcore import CRM, Opportunity
from crmcore.hosting import make_tables


class Base(DeclarativeBase):
    """The program's own tables."""


class Invoice(Base):
    """One of them."""

    __tablename__ = "invoice"

    number: Mapped[str] = mapped_column(primary_key=True)
    deal: Mapped[str]  # the id of an opportunity


def won(crm: CRM, session: Session, deal: Opportunity, number: str) -> None:
    """Win a deal and write its invoice, in the session's transaction."""
    crm.on(session).opportunities.win(deal)
    session.add(Invoice(number=number, deal=deal.id))


if __name__ == "__main__":
    engine = create_engine("sqlite:///shop.db")
    with engine.begin() as connection:  # what migrations do: with Alembic, make_tables(op.get_bind())
        Base.metadata.create_all(connection)
        make_tables(connection)

    with Session(engine) as session, session.begin():
        crm = CRM(connection=session)  # looked at once; on(session) is the same CRM in another session
        roof = crm.opportunities.add(name="Roof", amount=12_000)
        shed = crm.opportunities.add(name="Shed", amount=3_000)

    with Session(engine) as session, session.begin():
        won(crm, session, roof, "2026-1")
    try:
        with Session(engine) as session, session.begin():
            won(crm, session, shed, "2026-1")
    except IntegrityError:
        print("refused")

    with Session(engine) as session:
        print(*session.scalars(select(Invoice.number)))
        for deal in crm.on(session).opportunities.find(order_by="amount"):
            print(deal.name, deal.status)
        print(crm.on(session).verify())
    engine.dispose()
