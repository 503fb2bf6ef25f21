"""The product's programs as processes of their own, as the fault run on real processes has them, too."""

from scripts.faults.real import programs

ROOT = programs.ROOT
Program = programs.Program
free_port = programs.free_port
