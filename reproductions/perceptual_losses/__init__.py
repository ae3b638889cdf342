"""Johnson, Alahi and Fei-Fei 2016: networks trained with perceptual losses."""
