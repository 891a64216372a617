"""The family that looks at photos: timm backbones, their features and the networks over them."""
