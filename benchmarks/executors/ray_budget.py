"""Budget that all nodes of a Ray cluster share: an actor on the driver's machine, which model calls ask."""

import asyncio
from decimal import Decimal
from typing import Any

from coder.base.errors import MachineError, SharedBudgetEmpty
from coder.models.shared_budget import SharedBudget

_POLL_S = 0.1
"""Seconds between checks whether ended calls have freed budget."""


class BudgetActor:
    """Actor that holds the budget. Its methods don't wait, so it never grants budget to a lost node."""

    def __init__(self, usd: Decimal, spent: Decimal) -> None:
        self._budget = SharedBudget(usd, spent=spent)

    async def free(self) -> Decimal:
        """Return the amount neither spent nor reserved."""
        return await self._budget.free()

    async def try_reserve(self, usd: Decimal, owner: str) -> int | None:
        """Reserve an amount for a node (see `SharedBudget.try_reserve`)."""
        return self._budget.try_reserve(usd, owner)

    async def lose(self, usd: Decimal) -> None:
        """Count the cost of a failed attempt (see `SharedBudget.lose`)."""
        await self._budget.lose(usd)

    async def settle(self, number: int, used: Decimal) -> None:
        """Replace a reservation by the actual cost."""
        self._budget.settle(number, used)

    async def amounts(self) -> tuple[Decimal, Decimal]:
        """Return what is spent, and what the last refused call was to reserve."""
        return self._budget.spent, self._budget.refused

    async def forfeit(self, owner: str) -> None:
        """Count the reservations of a lost node as spent."""
        self._budget.forfeit(owner)


def start_budget(name: str, budget: SharedBudget) -> Any:  # noqa: ANN401 - a handle of Ray
    """Start the actor on the driver's machine, without which the run ends anyway; return its handle."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor_class = ray.remote(num_cpus=0, scheduling_strategy=here, max_concurrency=1000)(BudgetActor)
    return actor_class.options(name=name).remote(budget.usd, budget.spent)


class RayPurse:
    """The budget as a node sees it (`Purse`)."""

    def __init__(self, name: str) -> None:
        """Find the actor of this name; this process's actor owns the reservations."""
        import ray

        self._actor = ray.get_actor(name)
        self._owner = ray.get_runtime_context().get_actor_id() or ""

    async def free(self) -> Decimal:
        """Return the amount neither spent nor reserved, in US dollars."""
        free: Decimal = await self._ask(self._actor.free.remote())
        return free

    async def reserve(self, usd: Decimal) -> int:
        """Reserve an amount for one call (see `Purse.reserve`)."""
        while True:
            number: int | None = await self._ask(self._actor.try_reserve.remote(usd, self._owner))
            if number is not None:
                return number
            await asyncio.sleep(_POLL_S)

    async def lose(self, usd: Decimal) -> None:
        """Count the cost of a failed attempt of a call that is repeated (see `Purse.lose`)."""
        await self._ask(self._actor.lose.remote(usd))

    def settle(self, number: int, used: Decimal) -> None:
        """Replace the reservation of an ended call by its actual cost, without waiting for the actor."""
        self._actor.settle.remote(number, used)

    async def _ask(self, reference: Any) -> Any:  # noqa: ANN401 - a reference of Ray, and what it gives
        from ray.exceptions import RayError, RayTaskError

        try:
            return await reference
        except RayTaskError as error:
            if isinstance(error.cause, SharedBudgetEmpty):
                raise error.cause from None
            raise
        except RayError as error:
            raise MachineError(f"The budget of the run is out of reach: {type(error).__name__}") from error
