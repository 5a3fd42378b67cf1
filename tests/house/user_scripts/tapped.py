import segmentation_models_pytorch as smp
import torch

import acflib

unet = smp.Unet("resnet18", encoder_weights=None, classes=11)
model = acflib.ACFNet(acflib.tap(unet, "segmentation_head.0"), channels=64)
images = torch.randn(2, 3, 64, 96)
model(images)["out"].mean().backward()
found = acflib.inspect(model, images)
print("class centers", tuple(found.centers.shape))
print("coarse is the U-Net's own:", torch.equal(found.coarse_logits, unet.eval()(images)))
