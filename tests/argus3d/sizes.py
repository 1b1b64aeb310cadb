"""The smallest sizes that use every part of the model."""

from dataclasses import replace

from argus3d.config import ArgusConfig, AutoencoderConfig, ConditionConfig, TransformerConfig

AUTOENCODER = AutoencoderConfig(16, 4, 4, 4, 2, 4, 8, 16, 2, 0.4, 3, 0.1, 1, "none", points=64)
# Of four channels, some that only take part in ReLUs are dead from the start; of eight, training makes something.
LEARNER = replace(AUTOENCODER, plane_channels=8, unet_filters=8, encoder_hidden=8, decoder_hidden=8)
TRANSFORMER = TransformerConfig(16, 2, 2, 16, 64, 3, 64, 0.0)
CONFIG = ArgusConfig(AUTOENCODER, TRANSFORMER)
TEXT, IMAGE = ConditionConfig("text", "minilm-tokens", 5, 3), ConditionConfig("image", "efficientnet", 7, 4)
GUIDED = replace(TRANSFORMER, conditions=(TEXT, IMAGE, AUTOENCODER.part_condition), droppable=True)
CLASSES = ("chair", "lamp", "table")
