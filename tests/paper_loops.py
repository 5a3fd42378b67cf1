"""The equations of the paper written as plain loops over pixels, classes and channels: slow, and easy to check."""

import math

import torch


def eq1(features, labels, num_classes, ignore_index=255):
    """F_class^i = sum_j [y_j = i] F_j / sum_j [y_j = i]; 0 for a class that does not occur."""
    batch, channels, height, width = features.shape
    centers = torch.zeros(batch, num_classes, channels, dtype=features.dtype)
    for b in range(batch):
        for i in range(num_classes):
            total, count = torch.zeros(channels, dtype=features.dtype), 0
            for y in range(height):
                for x in range(width):
                    if labels[b, y, x] != ignore_index and labels[b, y, x] == i:
                        total = total + features[b, :, y, x]
                        count += 1
            if count:
                centers[b, i] = total / count
    return centers


def eq2(features, probabilities):
    """F_class^i = sum_j P_ij F'_j / sum_j P_ij; 0 where the denominator is 0."""
    batch, channels, height, width = features.shape
    rows = []
    for b in range(batch):
        for i in range(probabilities.shape[1]):
            top, bottom = torch.zeros(channels, dtype=features.dtype), torch.zeros((), dtype=features.dtype)
            for y in range(height):
                for x in range(width):
                    top = top + probabilities[b, i, y, x] * features[b, :, y, x]
                    bottom = bottom + probabilities[b, i, y, x]
            rows.append(top / bottom if bottom > 0 else torch.zeros_like(top))
    return torch.stack(rows).view(batch, probabilities.shape[1], channels)


def eq3(centers, probabilities):
    """F_a^j = sum_i P_ij F_class^i."""
    batch, classes, height, width = probabilities.shape
    result = torch.zeros(batch, centers.shape[2], height, width, dtype=centers.dtype)
    for b in range(batch):
        for y in range(height):
            for x in range(width):
                for i in range(classes):
                    result[b, :, y, x] += probabilities[b, i, y, x] * centers[b, i]
    return result


def eq5(centers, probabilities):
    """F_a^j = CONCAT_i { P_ij F_class^i }."""
    batch, classes, height, width = probabilities.shape
    result = torch.zeros(batch, classes * centers.shape[2], height, width, dtype=centers.dtype)
    for b in range(batch):
        for y in range(height):
            for x in range(width):
                result[b, :, y, x] = torch.cat([probabilities[b, i, y, x] * centers[b, i] for i in range(classes)])
    return result


def center_only(centers, height, width):
    """F_class "reshaped and upsampled to R^{NC x H x W}" (section 4.3.1)."""
    batch, classes, channels = centers.shape
    result = torch.zeros(batch, classes * channels, height, width, dtype=centers.dtype)
    for b in range(batch):
        for i in range(classes):
            for c in range(channels):
                result[b, i * channels + c] = centers[b, i, c]
    return result


def conv1x1(x, weight, bias=None):
    """A 1x1 convolution: one matrix product a pixel."""
    batch, _, height, width = x.shape
    result = torch.zeros(batch, weight.shape[0], height, width, dtype=x.dtype)
    for b in range(batch):
        for row in range(height):
            for column in range(width):
                result[b, :, row, column] = weight[:, :, 0, 0] @ x[b, :, row, column]
    return result if bias is None else result + bias.view(1, -1, 1, 1)


def batch_norm(x, weight, bias, eps=1e-5):
    """Batch normalization with the statistics of the batch, channel by channel."""
    result = torch.zeros_like(x)
    for c in range(x.shape[1]):
        values = x[:, c]
        mean = values.sum() / values.numel()
        variance = ((values - mean) ** 2).sum() / values.numel()
        result[:, c] = (values - mean) / (variance + eps) ** 0.5 * weight[c] + bias[c]
    return result


def cross_entropies(logits, labels, ignore_index=255):
    """-log softmax of the true class, one Python float a valid pixel: {(b, y, x): value}."""
    found = {}
    batch, classes, height, width = logits.shape
    for b in range(batch):
        for y in range(height):
            for x in range(width):
                if labels[b, y, x] != ignore_index:
                    values = [math.exp(logits[b, i, y, x]) for i in range(classes)]
                    found[b, y, x] = -math.log(values[labels[b, y, x]] / sum(values))
    return found


def weighted_mean(cross_entropy, labels, weights):
    """sum w_y ce / sum w_y over the pixels given; 0 without any."""
    top = sum(weights[labels[at]] * ce for at, ce in cross_entropy.items())
    bottom = sum(weights[labels[at]] for at in cross_entropy)
    return top / bottom if bottom else 0.0


def bootstrapped(logits, labels, weights, threshold, keep):
    """Section 4.4: the pixels whose true class has p < threshold; at least the ``keep`` of lowest p."""
    ce = cross_entropies(logits, labels)
    hard = {at: value for at, value in ce.items() if math.exp(-value) < threshold}
    if len(hard) < keep:
        hard = dict(sorted(ce.items(), key=lambda item: -item[1])[:keep])
    return weighted_mean(hard, labels, weights)
