"""Options for the children of a component."""

import pulumi


def child_options(component: pulumi.Resource, opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    """A child of ``component`` that waits for whatever the component was told to depend on.

    The engine doesn't hand a component's own ``depends_on`` down to its children; without this a component given
    one would be created at once.
    """
    return pulumi.ResourceOptions(parent=component, depends_on=opts.depends_on if opts is not None else None)
