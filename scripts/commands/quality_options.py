"""What `segfleet process` and `segfleet submit` both ask of masks and of the person's edge."""

from typing import Annotated

import typer

RefineEdges = Annotated[bool, typer.Option("--refine-edges", help="Let the mask follow the picture's edges.")]
FillHoles = Annotated[bool, typer.Option("--fill-holes", help="Fill small holes in a body.")]
Smooth = Annotated[bool, typer.Option("--smooth", help="Keep masks still where the picture is.")]
Decontaminate = Annotated[
    bool, typer.Option("--decontaminate", help="Take the old background's colour off the person's edge.")
]
