"""The process that lays out one report: data on stdin, the PDF on stdout, and strict limits.

It is started by its path, without the rest of the product: it knows no secret, opens no connection
and writes no file.  What breaks a typesetter (memory, time, a panic) breaks this process alone.
"""

import json
import resource
import sys

# Not a tenth of it is used by the largest report.
MEMORY_BYTES = 1 << 30
CPU_SECONDS = 20


def main() -> int:
    """Read the task, write the file; 1 when it cannot be laid out."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import typst  # noqa: PLC0415 - its memory counts against the limit, too

    task = json.load(sys.stdin.buffer)
    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=task["fonts"]
    )
    compiler = typst.Compiler(input=task["template"], root=task["root"], font_paths=fonts)
    inputs = {"data": json.dumps(task["data"])}
    try:
        try:
            # To be kept for decades (ISO 19005-2) and to be read aloud (ISO 14289-1).
            made = compiler.compile(format="pdf", sys_inputs=inputs, pdf_standards=["a-2b", "ua-1"])
        except typst.TypstError:
            # A sign that no font has: printed as a box, but not in an archive's format.
            made = compiler.compile(format="pdf", sys_inputs=inputs)
    except BaseException as error:  # noqa: BLE001 - a panic of the typesetter is no Exception
        # Its kind only: the message quotes what it could not set.
        sys.stderr.write(type(error).__name__)
        return 1
    sys.stdout.buffer.write(made if isinstance(made, bytes) else b"")
    return 0


if __name__ == "__main__":
    sys.exit(main())
