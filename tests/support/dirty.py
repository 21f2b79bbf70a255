"""A dirty application that does nothing (Gunicorn 25 and later)."""
from gunicorn.dirty.app import DirtyApp


class Idle(DirtyApp):
    def init(self):
        pass

    def __call__(self, action, *args, **kwargs):
        return action

    def close(self):
        pass
