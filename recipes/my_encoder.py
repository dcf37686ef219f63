"""An encoder of your own: messages from neighbours, gated by relation and by the receiver."""

import torch
from torch import nn


class GatedNeighbours(nn.Module):
    def __init__(self, num_relations, in_dim, out_dim, dropout=0.3):
        super().__init__()
        self.relation = nn.Parameter(1 + 0.1 * torch.randn(num_relations, in_dim))
        self.gate = nn.Linear(2 * in_dim, 1)
        self.out = nn.Linear(in_dim, out_dim)
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.out.weight, std=1e-3)  # starts as the identity

    def forward(self, layers, x):  # x: (layers[0].num_src, in_dim)
        for layer in layers:
            own = x[: layer.num_dst]  # destinations come first
            message = x[layer.src] * self.relation[layer.etype]  # (edges, in_dim)
            gate = torch.sigmoid(self.gate(torch.cat([message, own[layer.dst]], 1)))
            x = own + self.dropout(self.out(layer.mean(gate * message)))
        return x  # (num_seeds, out_dim)
