"""A CRM in a Django project: acts and the project's own models in one database, and in one transaction.

Run as a script, it wins a deal and writes its invoice: both, or neither.
"""

import django
from django.conf import settings

if not settings.configured:  # a project has its settings module
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db", "OPTIONS": {"transaction_mode": "IMMEDIATE"}}
    settings.configure(DATABASES={"default": sqlite})
django.setup()

from django.db import IntegrityError, connection, models, transaction  # noqa: E402 - Django wants its settings first

from crmcore import CRM, Opportunity  # noqa: E402
from crmcore.hosting import make_tables  # noqa: E402


class Invoice(models.Model):
    """A model of the project's."""

    number = models.CharField(max_length=20, unique=True)
    deal = models.CharField(max_length=60)  # the id of an opportunity

    class Meta:
        """Where it belongs."""

        app_label = "shop"

    def __str__(self) -> str:
        """Its number."""
        return self.number


def migrate() -> None:
    """What the project's migrations do; ours are ``RunPython(lambda apps, editor: make_tables(editor.connection))``."""
    with connection.schema_editor() as editor:
        editor.create_model(Invoice)
        make_tables(editor.connection)


def won(crm: CRM, deal: Opportunity, number: str) -> Invoice:
    """Win a deal and write its invoice."""
    with transaction.atomic():
        crm.opportunities.win(deal)
        return Invoice.objects.create(number=number, deal=deal.id)


if __name__ == "__main__":
    migrate()
    crm = CRM(connection=connection)  # one for the whole project: in every thread it finds that thread's connection
    roof = crm.opportunities.add(name="Roof", amount=12_000)
    shed = crm.opportunities.add(name="Shed", amount=3_000)

    print(won(crm, roof, "2026-1"), crm.opportunities.get(roof.id).status)
    try:
        won(crm, shed, "2026-1")
    except IntegrityError:
        print(Invoice.objects.count(), "invoice;", shed.name, crm.opportunities.get(shed.id).status)
    print(won(crm, shed, "2026-2"), crm.opportunities.get(shed.id).status)
    print(crm.verify())
    connection.close()
