"""Running an ONNX model: which device, which numbers go in, which mask comes out."""
