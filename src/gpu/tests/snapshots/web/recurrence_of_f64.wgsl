// cumprod_backward: dtype float64: this device has no 64-bit floats: convert to float32
