"""Networks made faster: exact rewrites of an ONNX file, and 8 bits.

What is written stays plain ONNX that any runtime runs. It needs onnx, which is imported only where
packs are written and never to compare two pictures.
"""
