"""The registry: releases and their stages as annotated git tags, in the format of gto."""
