import torch

import acflib

config = acflib.ModelConfig(backbone="timm/tf_efficientnet_lite0", num_classes=11, channels=64)
model = acflib.build_model(config).train()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
images, labels = torch.randn(2, 3, 65, 97), torch.full((2, 65, 97), 7)
for step in range(4):
    loss = torch.nn.functional.cross_entropy(model(images)["out"], labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step}: loss {loss.item():.3f}")
