"""Why an answer: what models, agent, graph and features have to do with it."""
