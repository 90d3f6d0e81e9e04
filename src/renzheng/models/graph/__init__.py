"""Networks made faster: exact rewrites of an ONNX file, and 8 bits.

The result is plain ONNX that any runtime runs. The package imports onnx, so it is imported only to
write packs and never to compare two pictures.
"""
