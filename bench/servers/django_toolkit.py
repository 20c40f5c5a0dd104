"""django-oauth-toolkit as one WSGI application: Django, its ORM and session, SQLite.

    python django_toolkit.py            make the tables, the user `bench` and the clients
    gunicorn django_toolkit:app         serve

The environment names the folder of the database and the key (DJANGO_FOLDER), the clients (CLIENTS, a JSON object of
secrets by identifier) and where they live (REDIRECT_URI).
"""

import json
import os
from pathlib import Path

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.urls import include, path

FOLDER = Path(os.environ["DJANGO_FOLDER"])
KEY = FOLDER / "key.pem"
if not KEY.exists():
    KEY.write_bytes(
        rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )

settings.configure(
    SECRET_KEY="only-for-a-loopback-measurement",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": FOLDER / "db.sqlite",
            "CONN_MAX_AGE": None,
            "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"},
        }
    },
    OAUTH2_PROVIDER={
        "SCOPES": {"openid": "OpenID Connect", "profile": "Profile"},
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": KEY.read_text(),
        "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
    },
)
django.setup()

from django.contrib.auth import get_user_model, login  # noqa: E402 - Django has to be set up
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from oauth2_provider.decorators import protected_resource  # noqa: E402
from oauth2_provider.models import Application  # noqa: E402


def healthz(_request):
    return HttpResponse("ok")


def log_in(request):
    login(request, get_user_model().objects.get(username="bench"))
    return HttpResponse("in")


@protected_resource(scopes=["profile"])
def api_me(request):
    return JsonResponse({"id": request.resource_owner.pk, "username": request.resource_owner.username})


urlpatterns = [
    path("healthz", healthz),
    path("login", log_in),
    path("api/me", api_me),
    path("o/", include("oauth2_provider.urls")),
]
app = get_wsgi_application()


def seed():
    """Make the tables, the user `bench` and the clients that the environment names."""
    call_command("migrate", verbosity=0)
    user = get_user_model().objects.create(username="bench")
    for client_id, secret in json.loads(os.environ["CLIENTS"]).items():
        Application.objects.create(
            name=client_id,
            user=user,
            client_id=client_id,
            client_secret=secret,
            # Hashed, as it is by default, the secret alone takes most of a second of PBKDF2 for each request.
            hash_client_secret=False,
            client_type=Application.CLIENT_CONFIDENTIAL,
            authorization_grant_type=(
                Application.GRANT_CLIENT_CREDENTIALS
                if client_id == "bench-machine"
                else Application.GRANT_AUTHORIZATION_CODE
            ),
            redirect_uris=os.environ["REDIRECT_URI"],
            algorithm=Application.RS256_ALGORITHM,
            # Its check for earlier consent reads every token of the user, which grow in number here.
            skip_authorization=True,
        )


if __name__ == "__main__":
    seed()
