"""What is known of models beforehand: windows, capabilities, lifecycles, prices. Facts only; whether a row is used is the config's word."""
