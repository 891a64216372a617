"""Families that join text and photo: fusion, a common space (CLIP, CoCa), neighbours."""
