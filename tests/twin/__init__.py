"""Tests of the twin: the real engine and a real control plane."""
