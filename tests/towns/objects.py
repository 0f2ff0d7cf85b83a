"""An object store in memory: keys and bytes. It knows no folders, renames nothing, and shows an object when all of it has come."""

import io

import pyarrow as pa
from pyarrow import fs


class Objects(fs.FileSystemHandler):
    """What pyarrow asks of a file system, as an object store answers it."""

    def __init__(self):
        self.held = {}
        self.down = False

    def get_type_name(self):
        return "objects"

    def normalize_path(self, path):
        return path

    def _info(self, path):
        if self.down:
            raise OSError("no route to host")
        if path in self.held:
            return fs.FileInfo(path, fs.FileType.File, size=len(self.held[path]))
        inside = any(key.startswith(path.rstrip("/") + "/") for key in self.held)
        return fs.FileInfo(path, fs.FileType.Directory if inside else fs.FileType.NotFound)

    def get_file_info(self, paths):
        return [self._info(path) for path in paths]

    def get_file_info_selector(self, selector):
        if self.down:
            raise OSError("no route to host")
        return [self._info(key) for key in self.held if key.startswith(selector.base_dir.rstrip("/") + "/")]

    def open_input_file(self, path):
        if path not in self.held:
            raise FileNotFoundError(path)
        return pa.PythonFile(io.BytesIO(self.held[path]), mode="r")

    open_input_stream = open_input_file

    def open_output_stream(self, path, metadata):
        if self.down:
            raise OSError("no route to host")
        objects = self

        class Upload(io.BytesIO):
            def close(self):
                if not self.closed:
                    objects.held[path] = self.getvalue()
                super().close()

        return pa.PythonFile(Upload(), mode="w")

    def delete_file(self, path):
        del self.held[path]

    def delete_dir(self, path):
        for key in [key for key in self.held if key.startswith(path.rstrip("/") + "/")]:
            del self.held[key]

    def _refused(self, *given):
        raise AssertionError("an object store knows no such thing")

    move = copy_file = create_dir = delete_dir_contents = delete_root_dir_contents = open_append_stream = _refused
