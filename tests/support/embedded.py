"""A program of its own that embeds Gunicorn: no command line, no settings file, no word of Gunicorn in its title."""
import sys

from gunicorn.app.base import BaseApplication

from app import application


class Embedded(BaseApplication):
    def load_config(self):
        bind, workers = sys.argv[1:]
        self.cfg.set("bind", bind.split(","))
        self.cfg.set("workers", int(workers))

    def load(self):
        return application


Embedded().run()
